"""How much of a plan a station uses, and whether this month's orders are used up.

Orders are counted every minute where the plan limits them. At the limit a mark is set on the station, which the
directory reads with everything else: a sale asks it at no cost, and may be late by a minute.
"""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct
from sqlalchemy import text

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tenants.notices import service as notices
from tenants.plans import queries
from tenants.plans.periods import month_of
from tenants.plans.queries import Usage

NEAR, FULL = 80, 100  # per cent

TO_COUNT = text(
    """
    SELECT t.id, p.max_orders_month FROM tenants t JOIN plans p ON p.id = t.plan_id
    LEFT JOIN plan_usage u ON u.tenant_id = t.id
    WHERE p.max_orders_month IS NOT NULL AND t.state IN ('trial', 'active', 'overdue') AND t.id > :after
        AND (u.next_at IS NULL OR u.next_at <= now())
    ORDER BY t.id LIMIT :limit
    """
)
FREE = text(
    """
    UPDATE tenants t SET orders_used_up = false
    WHERE orders_used_up
        AND NOT EXISTS (SELECT 1 FROM plans p WHERE p.id = t.plan_id AND p.max_orders_month IS NOT NULL)
    """
)
TOLD = text("SELECT told FROM plan_usage WHERE tenant_id = :id AND month = :month")
KEEP = text(
    """
    INSERT INTO plan_usage (tenant_id, month, orders, told, next_at)
    VALUES (:id, :month, :orders, :told, :next_at)
    ON CONFLICT (tenant_id) DO UPDATE SET month = excluded.month, orders = excluded.orders, told = excluded.told,
        counted_at = now(), next_at = excluded.next_at
    """
)
MARK = text("UPDATE tenants SET orders_used_up = :used_up WHERE id = :id AND orders_used_up <> :used_up")
EVERY = text("SELECT now() + interval '50 seconds'")


class ToCount(Struct, frozen=True):
    """A station whose plan allows so many orders a month."""

    tenant_id: int
    most: int


async def of_station(runtime: Runtime, tenant: Tenant) -> Usage:
    """What a station uses at this moment."""
    async with runtime.database.master_session() as session:
        station = await queries.subscription(session, tenant.id)
        staff = await queries.staff_count(session, tenant.id)
    async with tenant.begin() as session:
        products = await queries.on_sale_count(session)
        _, orders = await queries.orders_of_month(session, station.zone)
    return Usage(products, staff, orders)


async def to_count(runtime: Runtime, after: int, limit: int = 200) -> Sequence[ToCount]:
    """Stations whose orders are to be counted now, beyond the number `after`; frees those that have no limit now."""
    async with runtime.database.master_session() as session:
        if not after:
            await session.execute(FREE)
        return [ToCount(*row) for row in await session.execute(TO_COUNT, {"after": after, "limit": limit})]


async def count(runtime: Runtime, tenant: Tenant, most: int) -> None:
    """Counts a station's orders of this month, tells the owner at 80 and at 100 per cent, and closes or opens the shop
    to new orders."""
    async with runtime.database.master_session() as session:
        zone = (await queries.subscription(session, tenant.id)).zone
        month, _, next_month = month_of(clock.now(), zone)
        told = (await session.execute(TOLD, {"id": tenant.id, "month": month})).scalar_one_or_none() or 0
    async with tenant.begin() as session:
        month, orders = await queries.orders_of_month(session, zone)
        reached = FULL if orders >= most else NEAR if orders * 100 >= most * NEAR else 0
        if reached > told:
            await notices.tell(
                session,
                "orders_used_up" if reached == FULL else "orders_near_limit",
                month.isoformat(),
                orders=orders,
                most=most,
            )
    await _keep(runtime, tenant.id, month, orders, max(told, reached), next_month, used_up=reached == FULL)


async def _keep(
    runtime: Runtime, tenant_id: int, month: date, orders: int, told: int, next_month: datetime, *, used_up: bool
) -> None:
    async with runtime.database.master_session() as session:
        soon = (await session.execute(EVERY)).scalar_one()
        next_at = next_month if used_up else min(soon, next_month)
        values = {"id": tenant_id, "month": month, "orders": orders, "told": told, "next_at": next_at}
        await session.execute(KEEP, values)
        await session.execute(MARK, {"id": tenant_id, "used_up": used_up})
