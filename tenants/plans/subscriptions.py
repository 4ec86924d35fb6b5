"""Giving a station a plan, taking it away, changing it. Master session; the caller audits.

A dearer plan begins at once: its first period is charged, and what is left of the period that was paid comes back in
the same transfer. A cheaper one begins when the paid period ends. Dearer is by the price of a month.
"""

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from kameng.core import clock
from kameng.core.money import format_cents
from tenants.plans import queries, service
from tenants.plans.errors import CannotChange, DepositTooSmall, NoPlan, PlanNotForYou, SamePlan
from tenants.plans.periods import months_after
from tenants.plans.queries import Plan, Subscription, Usage

PLANS = "plans"  # whose the master's revenue is, beside that of sales
MOVABLE = frozenset({"trial", "active", "overdue", "suspended"})

SET = text(
    """
    UPDATE tenants SET plan_id = :plan_id, paid_until = :paid_until, next_plan_id = NULL, plan_reminded = NULL,
           orders_used_up = false, state = :state,
           state_since = CASE WHEN state = :state THEN state_since ELSE now() END
    WHERE id = :id
    """
)
SET_NEXT = text("UPDATE tenants SET next_plan_id = :plan_id WHERE id = :id")
COUNT_AGAIN = text("UPDATE plan_usage SET next_at = now(), told = 0 WHERE tenant_id = :id")
KEEP_PERIOD = text(
    """
    INSERT INTO plan_periods (tenant_id, began, until, plan_id, price_cents, anchor, months)
    VALUES (:tenant_id, :began, :until, :plan_id, :price_cents, :anchor, :months)
    """
)
END_EARLY = text(
    "UPDATE plan_periods SET until = :now, credited_cents = :credit WHERE tenant_id = :tenant_id AND began = :began"
)


class Change(Struct, frozen=True):
    """What a change of plan means: now or at `begins`; what is charged now, and what of the paid period comes back."""

    plan: Plan
    at_once: bool
    begins: datetime
    price_cents: int = 0
    credit_cents: int = 0

    @property
    def now_cents(self) -> int:
        """What the deposit pays now; negative when it gets something back."""
        return self.price_cents - self.credit_cents


async def give(session: AsyncSession, tenant_id: int, plan_id: int) -> Plan:
    """The first plan of a station: on trial if the plan has one and the station never had a plan, else it is charged
    by the next renewal, within seconds.

    Raises `PlanGone`, `SamePlan`, `CannotChange`.
    """
    plan = await queries.plan(session, plan_id)
    station = await _movable(session, tenant_id)
    if station.plan_id is not None:
        raise SamePlan(field="plan_id")
    tries = plan.trial_days > 0 and not await queries.history(session, tenant_id, 1)
    until = clock.now() + timedelta(days=plan.trial_days if tries else 0)
    state = "trial" if tries and station.state == "active" else station.state
    await _set(session, tenant_id, plan.id, until, state)
    return plan


async def take_away(session: AsyncSession, tenant_id: int) -> Plan:
    """Leaves a station without plan: without limits and without charges. What it has paid is not given back.

    Returns the plan it had. Raises `NoPlan`, `CannotChange`.
    """
    station = await _movable(session, tenant_id)
    if station.plan_id is None:
        raise NoPlan
    state = station.state if station.state == "suspended" else "active"
    await _set(session, tenant_id, None, None, state)
    return await queries.plan(session, station.plan_id)


async def proposed(
    session: AsyncSession, station: Subscription, plan: Plan, now: datetime, *, at_once: bool | None = None
) -> Change:
    """What changing to `plan` would mean. `at_once` None: as the price decides."""
    until = station.paid_until
    if station.began is None or station.price_cents is None or until is None or until <= now:
        return Change(plan, at_once=True, begins=now)  # nothing is paid for now, so nothing comes back either
    if at_once is None:
        current = await queries.plan(session, station.plan_id or 0)
        at_once = plan.month_cents >= current.month_cents
    if not at_once:
        return Change(plan, at_once=False, begins=until)
    return Change(plan, True, now, plan.price_cents, _left_over_cents(station.price_cents, station.began, until, now))


def _left_over_cents(price_cents: int, began: datetime, until: datetime, now: datetime) -> int:
    """The share of a period's price that its rest is worth, rounded down."""
    second = timedelta(microseconds=1)
    left, whole = (until - max(now, began)) // second, (until - began) // second
    return price_cents * left // whole


async def change(
    session: AsyncSession, tenant_id: int, plan_id: int, usage: Usage, *, by_owner: bool, at_once: bool | None = None
) -> Change:
    """Changes a station's plan. An owner may choose offered plans only.

    Raises `NoPlan`, `PlanGone`, `SamePlan`, `PlanNotForYou`, `PlanTooSmall`, `DepositTooSmall`, `CannotChange`; the
    commit raises `DepositTooLow` when a sale was quicker.
    """
    station = await _movable(session, tenant_id)
    plan = await queries.plan(session, plan_id)
    if station.plan_id is None:
        raise NoPlan(field="plan_id")
    if plan_id == station.plan_id:
        raise SamePlan(field="plan_id")
    if plan.state != "active" or (by_owner and not plan.is_offered):
        raise PlanNotForYou(field="plan_id")
    now = clock.now()
    wanted = await proposed(session, station, plan, now, at_once=at_once)
    service.check_fits(plan, usage, at_once=wanted.at_once)
    if not wanted.at_once:
        await session.execute(SET_NEXT, {"id": tenant_id, "plan_id": plan_id})
    elif station.began is None or station.paid_until is None or station.paid_until <= now:
        await _set(session, tenant_id, plan_id, station.paid_until, station.state)
    else:
        await _change_now(session, station, wanted, now)
    return wanted


async def _change_now(session: AsyncSession, station: Subscription, wanted: Change, now: datetime) -> None:
    if wanted.now_cents > station.deposit_cents:
        needed, deposit = format_cents(wanted.now_cents), format_cents(station.deposit_cents)
        raise DepositTooSmall(field="plan_id", needed=needed, deposit=deposit)
    ended = {"tenant_id": station.tenant_id, "began": station.began, "now": now, "credit": wanted.credit_cents}
    await session.execute(END_EARLY, ended)
    months = wanted.plan.period_months
    until = months_after(now, months, station.zone)
    await charge(session, station.tenant_id, wanted.plan, now, until, now, months, wanted.credit_cents)
    await _set(session, station.tenant_id, wanted.plan.id, until, station.state)


async def charge(
    session: AsyncSession,
    tenant_id: int,
    plan: Plan,
    began: datetime,
    until: datetime,
    anchor: datetime,
    months: int,
    credit_cents: int = 0,
) -> None:
    """Writes a period down and takes its price from the deposit, less what comes back of the period before. A period
    is charged once: the ledger knows it by its beginning, and there is one row for it."""
    period = {
        "tenant_id": tenant_id,
        "began": began,
        "until": until,
        "plan_id": plan.id,
        "price_cents": plan.price_cents,
        "anchor": anchor,
        "months": months,
    }
    await session.execute(KEEP_PERIOD, period)
    lines = [
        Line(tenant_id, "deposit", "", credit_cents - plan.price_cents),
        Line(MASTER, "master_revenue", PLANS, plan.price_cents),
        Line(MASTER, "master_revenue", PLANS, -credit_cents),
    ]
    if plan.price_cents or credit_cents:
        key = f"plan:{tenant_id}:{began.isoformat()}"
        await ledger.post(session, key, "plan", f"plan {began:%Y-%m-%d}", lines, tenant_id)


async def stay(session: AsyncSession, tenant_id: int) -> None:
    """Takes a change back that was to begin with the next period."""
    await session.execute(SET_NEXT, {"id": tenant_id, "plan_id": None})


async def _movable(session: AsyncSession, tenant_id: int) -> Subscription:
    station = await queries.subscription(session, tenant_id, lock=True)
    if station.state not in MOVABLE:
        raise CannotChange(field="plan_id")
    return station


async def _set(session: AsyncSession, tenant_id: int, plan_id: int | None, until: datetime | None, state: str) -> None:
    await session.execute(SET, {"id": tenant_id, "plan_id": plan_id, "paid_until": until, "state": state})
    await session.execute(COUNT_AGAIN, {"id": tenant_id})
