"""Pages that the owner writes for the shop."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui.console import page_form
from admin_ui.console.page_form import PageForm
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.branding import markup, pages, queries
from tenants.branding.errors import NothingToUndo, PathTaken, TooManyPages
from tenants.branding.pages import PageDraft
from tenants.branding.queries import CustomPage
from tenants.toggles import flags

PATH = "/console/pages"
SHOWN_PICTURES = 24


class PageController(Controller):
    path = PATH
    opt = flags.PAGES.opt
    guards = [requires(Permission.BRANDING_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            found = await queries.pages(session, pages.MOST)
        missing = [start for start in page_form.STARTS.values() if all(one.path != start.path for one in found)]
        return page(request, "console/pages.html", pages=found, starts=missing)

    @get("/new")
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _form(request, tenant, page_form.blank(request.query_params.get("start", "")))

    @post("/")
    async def add(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, PageForm)).draft()
            async with tenant.begin() as session:
                page_id = await pages.add(session, draft)
                await audit.record(session, staff.name, "pages.add", str(page_id), _told(draft), staff.address)
        except (Invalid, PathTaken, TooManyPages) as error:
            return await _form(request, tenant, await forms.again(request, error), status=422)
        runtime.directory.forget()
        answers.toast(request, _saved(draft))
        return answers.redirect(request, f"{PATH}/{page_id}")

    @get("/{page_id:int}")
    async def show(self, page_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            found = await queries.page(session, page_id)
        return await _form(request, tenant, page_form.filled(found), found)

    @post("/{page_id:int}")
    async def change(
        self,
        page_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, PageForm)).draft()
            async with tenant.begin() as session:
                before = await pages.change(session, page_id, draft)
                if not draft.is_as(before):
                    detail = {"from": _told(before), "to": _told(draft)}
                    await audit.record(session, staff.name, "pages.change", str(page_id), detail, staff.address)
        except (Invalid, PathTaken) as error:
            async with tenant.begin() as session:
                found = await queries.page(session, page_id)
            return await _form(request, tenant, await forms.again(request, error), found, status=422)
        runtime.directory.forget()
        answers.toast(request, _saved(draft))
        return answers.redirect(request, f"{PATH}/{page_id}")

    @post("/{page_id:int}/undo")
    async def undo(
        self,
        page_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                restored = await pages.undo(session, page_id)
                await audit.record(session, staff.name, "pages.undo", str(page_id), _told(restored), staff.address)
        except (NothingToUndo, PathTaken) as error:
            async with tenant.begin() as session:
                found = await queries.page(session, page_id)
            form = Form(page_form.filled(found).values, {"": of_error(error)})
            return await _form(request, tenant, form, found, status=422)
        runtime.directory.forget()
        answers.toast(request, gettext("The page is as it was before the last save."))
        return answers.redirect(request, f"{PATH}/{page_id}")

    @post("/{page_id:int}/delete")
    async def delete(
        self,
        page_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            title = await pages.delete(session, page_id)
            await audit.record(session, staff.name, "pages.delete", str(page_id), {"title": title}, staff.address)
        runtime.directory.forget()
        answers.toast(request, gettext("The page is deleted."))
        return answers.redirect(request, PATH)

    @post("/preview", opt={"quiet": True})
    async def preview(self, request: AnyRequest) -> Template:
        """What is being written, as buyers would read it."""
        body = next((text for name, text in await forms.pairs(request) if name == "body"), "")
        html = markup.to_html(body.replace("\r\n", "\n")[: page_form.LONGEST])
        return answers.render("console/parts/written.html", html=html)


async def _form(
    request: AnyRequest, tenant: Tenant, form: Form, found: CustomPage | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        shown = await queries.page_pictures(session, SHOWN_PICTURES)
    return page(
        request,
        "console/page_form.html",
        status=status,
        form=form,
        found=found,
        html=markup.to_html(form.values.get("body", "")[: page_form.LONGEST]),
        pictures=shown,
        longest=page_form.LONGEST,
    )


def _told(one: PageDraft | CustomPage) -> dict[str, object]:
    """A page for the audit log: its text by its length only."""
    return {"title": one.title, "path": one.path, "state": one.state, "signs": len(one.body)}


def _saved(draft: PageDraft) -> str:
    if draft.state == "published":
        return gettext("The page is saved; buyers find it at the foot of your shop.")
    return gettext("The draft is saved; buyers do not see it yet.")
