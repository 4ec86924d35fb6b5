"""When what is paid for has ended: the next period is charged, or the station is overdue. See docs/adr/0009-plans.md.

Each station is one short transaction that locks its row and passes over one that somebody else is at, so any number of
workers may renew at once, and one that is killed leaves nothing half done. Master session.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.infra import outbox
from kameng.infra.outbox import Event
from tenants.plans import queries, subscriptions
from tenants.plans.periods import months_after
from tenants.plans.queries import Plan, Subscription

SYSTEM = "system"

# Overdue stations wait for a deposit that covers the price; the others are due whatever they have.
DUE = text(
    """
    SELECT t.id FROM tenants t JOIN plans p ON p.id = coalesce(t.next_plan_id, t.plan_id)
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    WHERE t.state IN ('trial', 'active', 'overdue') AND t.paid_until <= :now AND t.id > :after
        AND (t.state <> 'overdue' OR coalesce(a.balance_cents, 0) >= p.price_cents)
    ORDER BY t.id LIMIT :limit
    """
)
TAKE = text(
    """
    SELECT id FROM tenants
    WHERE id = :id AND state IN ('trial', 'active', 'overdue') AND paid_until <= :now
    FOR NO KEY UPDATE SKIP LOCKED
    """
)
RENEWED = text(
    """
    UPDATE tenants SET plan_id = :plan_id, paid_until = :until, next_plan_id = NULL, plan_reminded = NULL,
           state = 'active', state_since = CASE WHEN state = 'active' THEN state_since ELSE now() END,
           orders_used_up = orders_used_up AND plan_id = :plan_id
    WHERE id = :id
    """
)
OVERDUE = text("UPDATE tenants SET state = 'overdue', state_since = now() WHERE id = :id AND state <> 'overdue'")
# A week before, whoever will be charged is told; three days and one day before, only if the deposit does not cover it.
REMIND = text(
    """
    WITH soon AS (
        SELECT t.id, p.price_cents > coalesce(a.balance_cents, 0) AS is_short, p.price_cents,
               CASE WHEN t.paid_until <= :now + interval '1 day' THEN 1
                    WHEN t.paid_until <= :now + interval '3 days' THEN 3 ELSE 7 END AS days
        FROM tenants t JOIN plans p ON p.id = coalesce(t.next_plan_id, t.plan_id) AND p.price_cents > 0
        LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
        WHERE t.state IN ('trial', 'active') AND t.paid_until > :now AND t.paid_until <= :now + interval '7 days'
    ), told AS (
        SELECT s.* FROM soon s JOIN tenants t ON t.id = s.id
        WHERE s.days < coalesce(t.plan_reminded, 8) AND (s.days = 7 OR s.is_short)
        ORDER BY t.paid_until LIMIT :limit FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE tenants t SET plan_reminded = told.days FROM told WHERE t.id = told.id
    RETURNING t.id, told.days, told.is_short, told.price_cents, t.paid_until
    """
)


class PlanEnds(Event, frozen=True):
    """A station's paid time ends in so many days; `is_short`: the deposit does not cover what comes then."""

    tenant_id: int
    days: int
    is_short: bool
    price_cents: int
    until: datetime


class PlanUnpaid(Event, frozen=True):
    """A station's deposit did not cover the next period: it takes no new orders."""

    tenant_id: int
    price_cents: int
    until: datetime


class Renewal(StrEnum):
    """What became of a station whose time had ended."""

    PAID = "paid"
    OVERDUE = "overdue"


async def due(session: AsyncSession, now: datetime, after: int = 0, limit: int = 200) -> Sequence[int]:
    """Stations to renew, by number, beyond `after`."""
    return list(await session.scalars(DUE, {"now": now, "after": after, "limit": limit}))


async def renew(session: AsyncSession, tenant_id: int, now: datetime) -> Renewal | None:
    """Charges a station's next period or makes it overdue. None when it is not due, or somebody else is at it.

    The commit raises `DepositTooLow` when a sale took what was to pay: it is due again then.
    """
    if (await session.execute(TAKE, {"id": tenant_id, "now": now})).one_or_none() is None:
        return None
    station = await queries.subscription(session, tenant_id)
    plan = await queries.plan(session, station.next_plan_id or station.plan_id or 0)
    if station.deposit_cents < plan.price_cents:
        await _owe(session, station, plan)
        return Renewal.OVERDUE
    began, anchor, months = _next_period(station, plan, now)
    until = months_after(anchor, months, station.zone)
    await subscriptions.charge(session, tenant_id, plan, began, until, anchor, months)
    await session.execute(RENEWED, {"id": tenant_id, "plan_id": plan.id, "until": until})
    if plan.id != station.plan_id:
        await session.execute(subscriptions.COUNT_AGAIN, {"id": tenant_id})
    if station.state == "overdue":
        detail = {"plan": plan.name, "amount_cents": plan.price_cents}
        await audit.record(session, SYSTEM, "plans.paid", str(tenant_id), detail)
    return Renewal.PAID


def _next_period(station: Subscription, plan: Plan, now: datetime) -> tuple[datetime, datetime, int]:
    """When it begins, the anchor, and how many months after that it ends.

    Periods follow each other without a gap. Only a station that was overdue for a whole period, and took no orders in
    it, does not pay for that: its time begins anew when it pays.
    """
    if station.paid_until is None:
        raise ValueError(f"station {station.tenant_id} has no plan")  # TAKE has seen to it that it has one
    began = station.paid_until
    anchor, months = station.anchor or began, (station.months or 0) + plan.period_months
    if station.state == "overdue" and months_after(anchor, months, station.zone) <= now:
        return now, now, plan.period_months
    return began, anchor, months


async def _owe(session: AsyncSession, station: Subscription, plan: Plan) -> None:
    if station.state == "overdue" or station.paid_until is None:
        return
    await session.execute(OVERDUE, {"id": station.tenant_id})
    await outbox.record(session, PlanUnpaid(station.tenant_id, plan.price_cents, station.paid_until))
    detail = {"plan": plan.name, "amount_cents": plan.price_cents, "deposit_cents": station.deposit_cents}
    await audit.record(session, SYSTEM, "plans.overdue", str(station.tenant_id), detail)


async def remind(session: AsyncSession, now: datetime, limit: int = 500) -> int:
    """Writes a letter for each station whose time ends soon, once for each of 7, 3 and 1 days. How many there were."""
    rows = (await session.execute(REMIND, {"now": now, "limit": limit})).all()
    for row in rows:
        await outbox.record(session, PlanEnds(row.id, row.days, row.is_short, row.price_cents, row.paid_until))
    return len(rows)
