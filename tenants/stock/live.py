"""Stock as the supplier has it at this moment, for whoever looks at a product or buys it."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from supplier_gateway.offers import live

PAGE_S, CHECKOUT_S = live.PAGE_S, live.CHECKOUT_S
OLD = timedelta(minutes=2)  # a figure that is older is *about* so many

GOOD = text("SELECT good_id FROM products WHERE id = :id AND good_id IS NOT NULL")
TOLD = text("SELECT told_at FROM stock_told(ARRAY(SELECT p.good_id FROM products p WHERE p.id = :id))")


async def look(runtime: Runtime, tenant: Tenant, product_id: int, within_s: float) -> None:
    """Has the product's live suppliers asked, for at most `within_s` seconds; a product without one costs nothing.
    Outside any transaction."""
    if not live.has_any(runtime):
        return
    async with tenant.begin() as session:
        good_id: int | None = await session.scalar(GOOD, {"id": product_id})
    if good_id is not None:
        await live.look(runtime, [good_id], within_s)


async def old_figure(session: AsyncSession, product_id: int) -> datetime | None:
    """When the figure was told that a product's stock is made of; None where it is fresh, or the station's own."""
    told_at: datetime | None = await session.scalar(TOLD, {"id": product_id})
    return told_at if told_at is not None and clock.now() - told_at > OLD else None
