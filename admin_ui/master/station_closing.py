"""Closing a station for good, undoing that, and the certificate of what is gone."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import sheets
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.station_tabs import tabs
from kameng.core.errors import Invalid, NotFound
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.registry import closing, queries, retirement
from tenants.registry.closing import Farewell
from tenants.registry.provisioning import By


class ClosingForm(Struct, frozen=True):
    """`name` is typed as a confirmation; `told_cents` is how much the page said was left."""

    name: Annotated[str, Meta(max_length=200)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    told_cents: Annotated[int, Meta(ge=0)] = 0
    confirmed: bool = False

    @property
    def accepted_cents(self) -> int:
        return self.told_cents if self.confirmed else 0


class StationClosingController(Controller):
    path = "/tenants/{tenant_id:int}"

    @get("/closing", guards=[requires(Permission.TENANTS_WRITE)])
    async def ask(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id)

    @post("/closing", guards=[requires(Permission.TENANTS_WRITE)])
    async def close(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, ClosingForm)
            farewell = Farewell(name=sent.name, reason=sent.reason, accepted_cents=sent.accepted_cents)
            await closing.close(runtime, tenant_id, farewell, By(staff.name, staff.address))
        except Invalid as error:
            return await _page(request, runtime, tenant_id, 422, await forms.again(request, error))
        answers.toast(request, gettext("The shop is closed, and its grace period has begun."))
        return answers.redirect(request, f"/tenants/{tenant_id}")

    @post("/reopen", guards=[requires(Permission.TENANTS_WRITE)])
    async def reopen(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await closing.reopen(runtime, tenant_id, By(staff.name, staff.address))
        answers.toast(request, gettext("The closing is undone."))
        return answers.redirect(request, f"/tenants/{tenant_id}")

    @get("/certificate.json", guards=[requires(Permission.TENANTS_READ)])
    async def certificate(
        self,
        tenant_id: PathId,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],  # noqa: ARG002 - signed in
    ) -> Response[Any]:
        """The document is put in as it is kept, so that its hash can be computed again from the file."""
        async with runtime.database.master_session() as session:
            found = await queries.certificate(session, tenant_id)
        if found is None:
            raise NotFound
        body = f'{{"sha256":"{found.sha256}","certificate":{found.document}}}\n'
        return sheets.download(f"station-{tenant_id}-closed.json", "application/json", body.encode())


async def _page(
    request: AnyRequest, runtime: Runtime, tenant_id: int, status: int = 200, form: Form | None = None
) -> Template:
    async with runtime.database.master_session() as session:
        station = await queries.station(session, tenant_id)
        left = await queries.money_left(session, tenant_id)
        obstacles = [of_error(one) for one in await retirement.obstacles(session, tenant_id)]
    return page(
        request,
        "master/station_closing.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), tenant_id),
        url=runtime.settings.base_url,
        left=left,
        obstacles=obstacles,
        open_orders=await closing.open_orders(runtime, station),
        days=runtime.settings.closing_days,
        form=form,
    )
