"""How the shop looks: the form, the pictures in it, the draft that the preview shows, saving, and going back."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.console import branding_form
from admin_ui.console.branding_form import PICTURES, LookForm
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid, NotFound
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from kameng.web.uploads import DRAINED
from tenants.branding import looks, pictures, queries, service
from tenants.branding.drawing import MOST_BYTES, Drawn
from tenants.branding.errors import BadPicture, WeakAccent
from tenants.branding.looks import Look
from tenants.storefront.products import HOME, home_values

PATH = "/console/branding"
DRAFT_LIVES_S = 3600
WRONG = (Invalid, WeakAccent)
ON_PREVIEW = paging.Wanted(size=60)
UPLOADS = {"uploads": MOST_BYTES}


class BrandingController(Controller):
    path = PATH
    guards = [requires(Permission.BRANDING_WRITE)]  # noqa: RUF012 - Litestar reads it from the class
    opt = {"frames": True}  # noqa: RUF012

    @get("/")
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            look = await queries.look(session)
            return await _page(request, session, branding_form.filled(look))

    @post("/", opt=UPLOADS, request_max_body_size=DRAINED)
    async def save(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent, drawn = await _read(request, runtime, tenant)
            await _save(tenant, staff, sent, drawn)
        except WRONG as error:
            form = await forms.again(request, error)
            async with tenant.begin() as session:
                return await _page(request, session, form, status=422)
        runtime.directory.forget()
        answers.toast(request, gettext("The look is saved; your shop shows it now."))
        return answers.redirect(request, PATH)

    @post("/undo")
    async def undo(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            was, now = looks.changes(*await service.undo(session))
            detail = {"from": was, "to": now}
            await audit.record(session, staff.name, "branding.undo", tenant.slug, detail, staff.address)
        runtime.directory.forget()
        answers.toast(request, gettext("The shop looks as it did before the last save."))
        return answers.redirect(request, PATH)

    @post("/pictures/{field:str}", opt=UPLOADS, request_max_body_size=DRAINED)
    async def picture(
        self,
        field: FromPath[str],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
    ) -> Template:
        """Takes a picture as soon as it is chosen, so that the preview shows it; nothing uses it until the form is
        saved. Answers with the field. Raises `NotFound`."""
        if field not in PICTURES:
            raise NotFound
        form = await forms.again(request, Invalid({}))
        upload = (await forms.files(request)).get(f"{field}_file")
        try:
            if upload is None:
                raise Invalid({f"{field}_file": "Choose a picture."})
            drawn = await branding_form.draw(runtime, tenant, upload, PICTURES[field])
            async with tenant.begin() as session:
                path = await pictures.put(session, drawn)
        except (BadPicture, Invalid) as error:
            told = error if isinstance(error, Invalid) else _at(field, error)
            return _field(field, await forms.again(request, told), status=422)
        return _field(field, Form({**form.values, field: path}), headers={"HX-Trigger-After-Settle": "look-changed"})

    @post("/draft", opt={"quiet": True})
    async def draft(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        """Keeps what is typed for the preview, and says how well the accent can be seen."""
        typed = await forms.pairs(request)
        async with tenant.begin() as session:
            look = branding_form.as_typed(typed, await queries.look(session))
        await runtime.redis.set(_draft_of(tenant, staff), msgspec.json.encode(look), ex=DRAFT_LIVES_S)
        return answers.render("console/parts/accent_seen.html", seen=looks.seen(look.accent), **_words())

    @get("/preview", opt={"framed": True, "quiet": True})
    async def preview(
        self,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        """The shop's first page as the draft would have it, to be looked at only."""
        kept = await runtime.redis.get(_draft_of(tenant, staff))
        async with tenant.begin() as session:
            look = msgspec.json.decode(kept, type=Look) if kept else await queries.look(session)
            values = await home_values(session, ON_PREVIEW)
        site = msgspec.structs.replace(tenant, **msgspec.structs.asdict(look))
        return answers.render(HOME, site=site, viewer=None, path="/", base="", inert=True, **values)


async def _read(request: AnyRequest, runtime: Runtime, tenant: Tenant) -> tuple[LookForm, Mapping[str, Drawn]]:
    """The form and its pictures. Raises `Invalid` with all that is wrong with either."""
    errors: dict[str, str] = {}
    form: LookForm | None = None
    drawn: Mapping[str, Drawn] = {}
    try:
        form = await forms.parse(request, LookForm)
    except Invalid as invalid:
        errors |= invalid.errors
    try:
        drawn = await branding_form.drawn(runtime, tenant, await forms.files(request))
    except Invalid as invalid:
        errors |= invalid.errors
    if form is None or errors:
        raise Invalid(errors)
    return form, drawn


async def _save(tenant: Tenant, staff: Staff, sent: LookForm, drawn: Mapping[str, Drawn]) -> None:
    async with tenant.begin() as session:
        paths = {field: await pictures.put(session, one) for field, one in drawn.items()}
        look = sent.look(paths)
        before = await service.save(session, look, staff.name)
        if look != before:
            was, now = looks.changes(before, look)
            detail = {"from": was, "to": now}
            await audit.record(session, staff.name, "branding.save", tenant.slug, detail, staff.address)


async def _page(request: AnyRequest, session: AsyncSession, form: Form, status: int = 200) -> Template:
    accent = form.values.get("accent", "").lower()
    is_colour = branding_form.is_colour(accent)
    return page(
        request,
        "console/branding.html",
        status=status,
        form=form,
        themes=looks.THEMES,
        saved=await queries.last_save(session),
        seen=looks.seen(accent) if is_colour else None,
        **_words(),
    )


def _field(field: str, form: Form, status: int = 200, headers: Mapping[str, str] | None = None) -> Template:
    return answers.render(
        "console/parts/look_picture.html", status=status, headers=headers, field=field, form=form, **_words()
    )


def _words() -> dict[str, Any]:
    return {"ratio": looks.ratio, "least": looks.ratio(looks.LEAST), "most_mb": MOST_BYTES // 1024 // 1024}


def _at(field: str, error: BadPicture) -> BadPicture:
    error.field = f"{field}_file"
    return error


def _draft_of(tenant: Tenant, staff: Staff) -> str:
    return f"branding:{tenant.id}:{staff.id}"
