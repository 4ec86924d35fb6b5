"""What the station pays the master for being hosted, how much of it is used, and changing it."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import plan_page
from admin_ui.frame import AnyRequest, page
from billing.ledger.errors import DepositTooLow
from billing.payments import queries as payments
from billing.payments.till import master_till
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, KamengError, Refused
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.pages import when
from kameng.web.people import Staff
from tenants.plans import queries, subscriptions, tasks, usage
from tenants.plans.renewal import Renewal
from tenants.plans.subscriptions import Change


class TermsChanged(Conflict):
    """The master has changed the plan since the page was drawn."""

    message = "The price of this plan has just changed. Look at it once more."


class PlanForm(Struct, frozen=True):
    """Which plan, and the price that the owner has seen."""

    plan_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    price_cents: Annotated[int, Meta(ge=0, le=10**12)]


class PlanController(Controller):
    path = "/console/plan"

    @get("/", guards=[requires(Permission.PLAN_READ)])
    async def show(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
    ) -> Template:
        return await show_page(request, runtime, tenant)

    @post("/", guards=[requires(Permission.PLAN_WRITE)])
    async def change(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            changed = await _change(runtime, tenant, await forms.parse(request, PlanForm), staff)
        except (Invalid, Refused, TermsChanged) as error:
            return await _refused(request, runtime, tenant, error)
        await tasks.renew_one(runtime, tenant.id)
        runtime.directory.forget()
        if changed.at_once:
            answers.toast(request, gettext("Your plan is %(plan)s now.", plan=changed.plan.name))
        else:
            begins = when(changed.begins, "%Y-%m-%d")
            answers.toast(
                request, gettext("Your plan is %(plan)s from %(day)s on.", plan=changed.plan.name, day=begins)
            )
        return answers.redirect(request, "/console/plan")

    @post("/stay", guards=[requires(Permission.PLAN_WRITE)])
    async def stay(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            await subscriptions.stay(session, tenant.id)
        async with tenant.begin() as session:
            await audit.record(session, staff.name, "stations.plan_stay", str(tenant.id), {}, staff.address)
        answers.toast(request, gettext("You keep your plan."))
        return answers.redirect(request, "/console/plan")

    @post("/renew", guards=[requires(Permission.PLAN_WRITE)])
    async def renew(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
    ) -> Response[Any]:
        """What a worker does anyway within seconds; for whoever has just paid in and does not want to wait."""
        outcome = await tasks.renew_one(runtime, tenant.id)
        runtime.directory.forget()
        if outcome is Renewal.OVERDUE:
            answers.toast(request, gettext("The deposit does not cover the price yet."), "warn")
        else:
            answers.toast(request, gettext("Your plan is paid."))
        return answers.redirect(request, "/console/plan")


async def _change(runtime: Runtime, tenant: Tenant, sent: PlanForm, by: Staff) -> Change:
    """Raises what `subscriptions.change` raises, and `TermsChanged`."""
    used = await usage.of_station(runtime, tenant)
    async with runtime.database.master_session() as session:
        before = await queries.subscription(session, tenant.id, lock=True)
        wanted = await queries.plan(session, sent.plan_id)
        if wanted.price_cents != sent.price_cents:
            raise TermsChanged
        had = await queries.plan(session, before.plan_id) if before.plan_id else None
        changed = await subscriptions.change(session, tenant.id, sent.plan_id, used, by_owner=True)
        detail = {"name": tenant.name, "from": had.name if had else "", "to": wanted.name}
        await audit.record(session, by.name, "stations.plan", str(tenant.id), detail, by.address)
    async with tenant.begin() as session:  # the owner's log is another one than the master's
        await audit.record(session, by.name, "stations.plan", str(tenant.id), detail, by.address)
    return changed


async def _refused(request: AnyRequest, runtime: Runtime, tenant: Tenant, error: KamengError) -> Template:
    if isinstance(error, DepositTooLow):  # its own words are for buyers
        error = Invalid({"": N_("The deposit does not cover this. Pay in first.")})
    form = await forms.again(request, error)
    status = 409 if isinstance(error, Conflict) else 422
    return await show_page(request, runtime, tenant, form=form, status=status)


async def show_page(
    request: AnyRequest,
    runtime: Runtime,
    tenant: Tenant,
    *,
    form: Form | None = None,
    pay_form: Form | None = None,
    status: int = 200,
) -> Template:
    """The page, with a form that was refused."""
    seen = await plan_page.view(runtime, tenant)
    async with master_till(runtime).begin() as session:
        channels = [(channel.id, channel.name) for channel in await payments.channels(session)]
    return page(request, "console/plan.html", status=status, seen=seen, form=form, pay_form=pay_form, channels=channels)
