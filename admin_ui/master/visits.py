"""The operator enters a station's console: with a reason, for an hour, seen by everybody there."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.station_tabs import tabs
from admin_ui.people.crossing import send_with
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity import tickets, visits
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import context, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_
from kameng.web.people import Staff
from tenants.registry import queries


class VisitForm(Struct, frozen=True):
    """Why, and whether only to look."""

    reason: Annotated[str, Meta(min_length=5, max_length=200)]
    mode: Annotated[Literal["view", "act"], Meta(extra={"message": N_("Choose one of the list.")})]


class VisitController(Controller):
    path = "/tenants/{tenant_id:int}/visit"

    @get("/", guards=[requires(Permission.STATIONS_ENTER)])
    async def blank(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id, None)

    @post("/", guards=[requires(Permission.STATIONS_ENTER)], status_code=200)
    async def enter(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, VisitForm)
        except Invalid as error:
            return await _page(request, runtime, tenant_id, await forms.again(request, error), 422)
        tenant = await runtime.directory.tenant(tenant_id)
        async with runtime.database.master_session() as session:
            detail = {"name": tenant.name, "reason": sent.reason, "mode": sent.mode}
            await audit.record(session, staff.name, "stations.enter", str(tenant_id), detail, staff.address)
        async with tenant.begin() as session:
            visit = await visits.begin(session, staff.id, staff.name, sent.reason, sent.mode, staff.address)
        return await send_with(request, runtime, tenant_id, tickets.Visit(staff.id, visit.id))


async def _page(
    request: AnyRequest, runtime: Runtime, tenant_id: int, form: Form | None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        station = await queries.station(session, tenant_id)
        latest = await visits.latest(session, tenant_id)
    return page(
        request,
        "master/visit.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), tenant_id),
        url=runtime.settings.base_url,
        latest=latest,
        form=form,
    )
