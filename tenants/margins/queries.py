"""Stations that a change of prices touches (master session), and what they sell for (tenant session)."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

STATIONS = text(
    """
    SELECT id, tier_id FROM tenants
    WHERE state <> 'closed' AND (:everybody OR tier_id = ANY(:tiers) OR id = ANY(:tenants)) ORDER BY id
    """
)
ON_SALE = text(
    "SELECT id, good_id, name, price FROM products WHERE state = 'on_sale' AND good_id = ANY(:goods) ORDER BY id"
)
START = text(
    """
    UPDATE price_changes SET stations_total = :total, stations_done = 0, products_seen = 0, previewed_at = NULL
    WHERE id = :id
    """
)
CLEAR = text("DELETE FROM price_preview_lines WHERE change_id = :id")
KEEP = text(
    """
    INSERT INTO price_preview_lines
        (change_id, tenant_id, product_id, good_id, product, retail, old_price, new_price, floor, effect, is_new)
    VALUES (:change_id, :tenant_id, :product_id, :good_id, :product, :retail, :old_price, :new_price, :floor, :effect,
            :is_new)
    ON CONFLICT DO NOTHING
    """
)
PROGRESS = text(
    """
    UPDATE price_changes SET stations_done = :done, products_seen = :products,
        previewed_at = CASE WHEN :done >= stations_total THEN now() END
    WHERE id = :id
    """
)


class Touched(Struct, frozen=True):
    """A station and its tier."""

    id: int
    tier_id: int


class Listed(Struct, frozen=True):
    """A product on sale; `price` is what buyers pay, in yuan."""

    id: int
    good_id: int
    name: str
    price: Decimal


async def stations(
    session: AsyncSession, *, tiers: Sequence[int] = (), tenants: Sequence[int] = (), everybody: bool = False
) -> Sequence[Touched]:
    """Those of these tiers, these themselves, or all."""
    asked = {"tiers": list(tiers), "tenants": list(tenants), "everybody": everybody}
    return [Touched(*row) for row in await session.execute(STATIONS, asked)]


async def on_sale(session: AsyncSession, goods: Sequence[int]) -> Sequence[Listed]:
    """The tenant's products of these goods."""
    return [Listed(*row) for row in await session.execute(ON_SALE, {"goods": list(goods)})]
