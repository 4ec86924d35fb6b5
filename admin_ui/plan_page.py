"""A station's plan as both consoles show it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.i18n import of_error
from tenants.plans import queries, subscriptions, usage
from tenants.plans.errors import PlanTooSmall
from tenants.plans.queries import Period, Plan, Subscription, Usage
from tenants.plans.service import check_fits
from tenants.plans.subscriptions import Change


class Choice(Struct, frozen=True):
    """A plan that can be changed to, and what that would mean now; `obstacle` says what of it the station uses too
    much of, in the reader's language."""

    change: Change
    obstacle: str = ""

    @property
    def plan(self) -> Plan:
        return self.change.plan


class PlanView(Struct, frozen=True):
    """What a page shows. `plan` and `next_plan` are None where there is none."""

    station: Subscription
    plan: Plan | None
    next_plan: Plan | None
    used: Usage
    periods: Sequence[Period]
    choices: Sequence[Choice]
    at: datetime

    @property
    def is_covered(self) -> bool:
        """Whether the deposit pays for the next period."""
        due = self.next_plan or self.plan
        return due is None or self.station.deposit_cents >= due.price_cents

    @property
    def is_due(self) -> bool:
        return self.station.paid_until is not None and self.station.paid_until <= self.at


async def view(runtime: Runtime, tenant: Tenant, *, every_plan: bool = False) -> PlanView:
    """The station's plan and what it may change to: offered plans, or `every_plan` that is not retired."""
    used = await usage.of_station(runtime, tenant)
    now = clock.now()
    async with runtime.database.master_session() as session:
        station = await queries.subscription(session, tenant.id)
        known = {plan.id: plan for plan in await queries.plans(session)}
        periods = await queries.history(session, tenant.id)
        open_plans = [plan for plan in known.values() if plan.state == "active" and (plan.is_offered or every_plan)]
        choices = [
            _choice(await subscriptions.proposed(session, station, plan, now), used)
            for plan in open_plans
            if plan.id != station.plan_id
        ]
    return PlanView(
        station=station,
        plan=known.get(station.plan_id or 0),
        next_plan=known.get(station.next_plan_id or 0),
        used=used,
        periods=periods,
        choices=choices,
        at=now,
    )


def _choice(change: Change, used: Usage) -> Choice:
    try:
        check_fits(change.plan, used, at_once=change.at_once)
    except PlanTooSmall as obstacle:
        return Choice(change, of_error(obstacle))
    return Choice(change)
