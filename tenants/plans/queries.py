"""Reading plans, what stations have of them, and how much they use. Master session, unless it says otherwise."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from tenants.plans.errors import PlanGone
from tenants.plans.periods import month_of

FIELDS = """id, name, price_cents, period_months, trial_days, opening_fee_cents, max_products, max_staff,
            max_orders_month, is_offered, state"""
ALL = text(f"SELECT {FIELDS} FROM plans ORDER BY state, price_cents::numeric / period_months, id")  # noqa: S608 - above
ONE = text(f"SELECT {FIELDS} FROM plans WHERE id = :id")  # noqa: S608
OFFERED = text(
    f"SELECT {FIELDS} FROM plans WHERE is_offered AND state = 'active'"  # noqa: S608
    " ORDER BY price_cents::numeric / period_months, id LIMIT 50"
)
STATIONS = text(
    "SELECT plan_id, count(*) FROM tenants WHERE plan_id IS NOT NULL AND state <> 'closed' GROUP BY plan_id"
)
SUBSCRIPTION = """
    SELECT t.id AS tenant_id, t.state, t.time_zone, t.plan_id, t.paid_until, t.next_plan_id, t.orders_used_up,
           coalesce(a.balance_cents, 0) AS deposit_cents, c.began, c.price_cents, c.anchor, c.months
    FROM tenants t
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    LEFT JOIN LATERAL (SELECT * FROM plan_periods WHERE tenant_id = t.id ORDER BY began DESC LIMIT 1) c
        ON c.until = t.paid_until
    WHERE t.id = :id
"""
OF_TENANT = text(SUBSCRIPTION)
# A statement of its own: one that waits for a lock sees the row anew and what it is joined with as it was before, so a
# change of plan would find no period that is paid.
LOCK = text("SELECT id FROM tenants WHERE id = :id FOR UPDATE")
HISTORY = text(
    """
    SELECT c.began, c.until, p.name AS plan, c.price_cents, c.credited_cents, c.charged_at
    FROM plan_periods c JOIN plans p ON p.id = c.plan_id
    WHERE c.tenant_id = :id ORDER BY c.began DESC LIMIT :limit
    """
)
STAFF = text(
    "SELECT count(*) FROM memberships m JOIN staff s ON s.id = m.staff_id"
    " WHERE m.tenant_id = :id AND s.disabled_at IS NULL"
)
LIMITS = text("SELECT max_products, max_staff, max_orders_month FROM my_limits()")
# Variants count with their product.
ON_SALE = text("SELECT count(*) FROM products WHERE state = 'on_sale' AND variant_of IS NULL")
ORDERS_SINCE = text("SELECT count(*) FROM orders WHERE paid_at >= :since")


class Plan(Struct, frozen=True):
    """What a station may have. The price is for `period_months`; a limit of None is none."""

    id: int
    name: str
    price_cents: int
    period_months: int
    trial_days: int
    opening_fee_cents: int
    max_products: int | None
    max_staff: int | None
    max_orders_month: int | None
    is_offered: bool
    state: str

    @property
    def month_cents(self) -> float:
        """What a month of it costs: for comparing plans, not for charging."""
        return self.price_cents / self.period_months


class Subscription(Struct, frozen=True):
    """A station and its plan. `paid_until` ends the trial or the period that is paid; `began`, `price_cents`, `anchor`
    and `months` are that period's (see `plan_periods`), None on trial and where nothing was charged yet."""

    tenant_id: int
    state: str
    time_zone: str
    plan_id: int | None
    paid_until: datetime | None
    next_plan_id: int | None
    orders_used_up: bool
    deposit_cents: int
    began: datetime | None
    price_cents: int | None
    anchor: datetime | None
    months: int | None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Period(Struct, frozen=True):
    """A time that was charged; `credited_cents` came back because it ended early."""

    began: datetime
    until: datetime
    plan: str
    price_cents: int
    credited_cents: int
    charged_at: datetime


class Limits(Struct, frozen=True):
    """How much a station may use; None is as much as it likes."""

    max_products: int | None = None
    max_staff: int | None = None
    max_orders_month: int | None = None


class Usage(Struct, frozen=True):
    """How much a station uses now: products on sale, accounts of staff, orders paid for this month."""

    products: int
    staff: int
    orders: int


async def plans(session: AsyncSession) -> Sequence[Plan]:
    """All of them, the cheapest first, retired ones last."""
    return [Plan(*row) for row in await session.execute(ALL)]


async def offered(session: AsyncSession) -> Sequence[Plan]:
    """Those that anybody may choose, the cheapest first."""
    return [Plan(*row) for row in await session.execute(OFFERED)]


async def plan(session: AsyncSession, plan_id: int) -> Plan:
    """Raises `PlanGone`."""
    row = (await session.execute(ONE, {"id": plan_id})).one_or_none()
    if row is None:
        raise PlanGone(field="plan_id")
    return Plan(*row)


async def stations(session: AsyncSession) -> dict[int, int]:
    """How many stations have each plan."""
    return {row[0]: row[1] for row in await session.execute(STATIONS)}


async def subscription(session: AsyncSession, tenant_id: int, *, lock: bool = False) -> Subscription:
    """A station's plan, locked for a change if asked. Raises `PlanGone` where there is no such station."""
    if lock:
        await session.execute(LOCK, {"id": tenant_id})
    row = (await session.execute(OF_TENANT, {"id": tenant_id})).one_or_none()
    if row is None:
        raise PlanGone
    return Subscription(*row)


async def history(session: AsyncSession, tenant_id: int, limit: int = 24) -> Sequence[Period]:
    """What was charged, newest first."""
    return [Period(*row) for row in await session.execute(HISTORY, {"id": tenant_id, "limit": limit})]


async def staff_count(session: AsyncSession, tenant_id: int) -> int:
    """How many people can sign in at a station."""
    return int((await session.execute(STAFF, {"id": tenant_id})).scalar_one())


async def limits(session: AsyncSession) -> Limits:
    """What the plan allows; nothing is limited without one. Tenant session."""
    row = (await session.execute(LIMITS)).one_or_none()
    return Limits(*row) if row else Limits()


async def on_sale_count(session: AsyncSession) -> int:
    """Products on sale. Tenant session."""
    return int((await session.execute(ON_SALE)).scalar_one())


async def orders_of_month(session: AsyncSession, zone: ZoneInfo) -> tuple[date, int]:
    """The first day of this month on the station's calendar, and how many orders it was paid for. Tenant session."""
    month, began, _ = month_of(clock.now(), zone)
    return month, int((await session.execute(ORDERS_SINCE, {"since": began})).scalar_one())
