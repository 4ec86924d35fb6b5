"""The plan of one station: given, changed, taken away by the operator."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import plan_page
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.station_tabs import tabs
from billing.ledger.errors import DepositTooLow
from kameng.audit import service as audit
from kameng.core.errors import Invalid, NotFound, Refused
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.plans import queries, subscriptions, tasks, usage
from tenants.registry import queries as registry

WHEN: dict[str, bool | None] = {"usual": None, "now": True, "end": False}


class PlanForm(Struct, frozen=True):
    """Which plan, and from when on."""

    plan_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    when: Literal["usual", "now", "end"] = "usual"


class StationPlanController(Controller):
    path = "/tenants/{tenant_id:int}/plan"

    @get("/", guards=[requires(Permission.PLANS_READ)])
    async def show(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id)

    @post("/", guards=[requires(Permission.PLANS_WRITE)])
    async def choose(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        tenant = await runtime.directory.tenant(tenant_id)
        try:
            await _choose(runtime, tenant, await forms.parse(request, PlanForm), staff)
        except (Invalid, Refused) as error:
            return await _page(request, runtime, tenant_id, await forms.again(request, error), status=422)
        await tasks.renew_one(runtime, tenant_id)
        runtime.directory.forget()
        answers.toast(request, gettext("The station's plan is set."))
        return answers.redirect(request, f"/tenants/{tenant_id}/plan")

    @post("/stay", guards=[requires(Permission.PLANS_WRITE)])
    async def stay(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            name = (await registry.station(session, tenant_id)).name
            await subscriptions.stay(session, tenant_id)
            await audit.record(session, staff.name, "stations.plan_stay", str(tenant_id), {"name": name}, staff.address)
        answers.toast(request, gettext("The station keeps its plan."))
        return answers.redirect(request, f"/tenants/{tenant_id}/plan")

    @post("/end", guards=[requires(Permission.PLANS_WRITE)])
    async def end(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            name = (await registry.station(session, tenant_id)).name
            plan = await subscriptions.take_away(session, tenant_id)
            detail = {"name": name, "plan": plan.name}
            await audit.record(session, staff.name, "stations.plan_end", str(tenant_id), detail, staff.address)
        runtime.directory.forget()
        answers.toast(request, gettext("The station has no plan now, and no limits."))
        return answers.redirect(request, f"/tenants/{tenant_id}/plan")


async def _choose(runtime: Runtime, tenant: Tenant, sent: PlanForm, by: Staff) -> None:
    """Raises what `subscriptions.give` and `subscriptions.change` raise."""
    used = await usage.of_station(runtime, tenant)
    try:
        async with runtime.database.master_session() as session:
            before = await queries.subscription(session, tenant.id, lock=True)
            if before.plan_id is None:
                plan = await subscriptions.give(session, tenant.id, sent.plan_id)
                detail = {"name": tenant.name, "plan": plan.name}
            else:
                had = await queries.plan(session, before.plan_id)
                change = await subscriptions.change(
                    session, tenant.id, sent.plan_id, used, by_owner=False, at_once=WHEN[sent.when]
                )
                detail = {"name": tenant.name, "from": had.name, "to": change.plan.name}
            await audit.record(session, by.name, "stations.plan", str(tenant.id), detail, by.address)
    except DepositTooLow:  # a sale was quicker
        raise Invalid({"plan_id": N_("The deposit does not cover this. Pay in first.")}) from None


async def _page(
    request: AnyRequest, runtime: Runtime, tenant_id: int, form: Form | None = None, status: int = 200
) -> Template:
    """Raises `StationGone`. A closed station uses nothing; what it paid is still shown."""
    async with runtime.database.master_session() as session:
        station = await registry.station(session, tenant_id)
        periods = await queries.history(session, tenant_id)
    try:
        seen = await plan_page.view(runtime, await runtime.directory.tenant(tenant_id), every_plan=True)
    except NotFound:
        seen = None
    return page(
        request,
        "master/station_plan.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), station.id),
        url=runtime.settings.base_url,
        seen=seen,
        periods=periods,
        form=form,
    )
