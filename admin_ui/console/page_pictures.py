"""Pictures for the pages that the owner writes."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from admin_ui.console.branding_form import draw
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from kameng.web.uploads import DRAINED
from tenants.branding import pictures, queries
from tenants.branding.drawing import MOST_BYTES
from tenants.branding.errors import BadPicture, TooManyPictures
from tenants.toggles import flags

PATH = "/console/pages/pictures"


class PagePictureController(Controller):
    path = PATH
    opt = flags.PAGES.opt
    guards = [requires(Permission.BRANDING_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _list(request, tenant)

    @post("/", opt={"uploads": MOST_BYTES}, request_max_body_size=DRAINED)
    async def add(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        upload = (await forms.files(request)).get("picture_file")
        try:
            if upload is None:
                raise Invalid({"picture_file": "Choose a picture."})
            drawn = await draw(runtime, tenant, upload, "page")
            async with tenant.begin() as session:
                await pictures.put(session, drawn)
                await audit.record(session, staff.name, "pages.picture", drawn.name[:12], address=staff.address)
        except (Invalid, BadPicture, TooManyPictures) as error:
            error.field = "picture_file"
            return await _list(request, tenant, await forms.again(request, error), status=422)
        if context.of(request.scope).is_htmx:
            return await _list(request, tenant)
        answers.toast(request, gettext("The picture is there. Copy its line into a page."))
        return answers.redirect(request, PATH)

    @post("/{name:str}/delete")
    async def delete(
        self,
        name: FromPath[str],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            await pictures.delete(session, name)
            await audit.record(session, staff.name, "pages.drop_picture", name[:12], address=staff.address)
        answers.toast(request, gettext("The picture is deleted."))
        return answers.redirect(request, PATH)


async def _list(request: AnyRequest, tenant: Tenant, form: Form | None = None, status: int = 200) -> Template:
    """The page, or its list alone where htmx asked from beside a page that is being written."""
    async with tenant.begin() as session:
        shown = await queries.page_pictures(session, pictures.MOST_FOR_PAGES)
    if context.of(request.scope).is_htmx:
        return answers.render("console/parts/page_pictures.html", status=status, pictures=shown, form=form)
    return page(request, "console/page_pictures.html", status=status, pictures=shown, form=form)
