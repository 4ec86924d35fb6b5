"""What goods cost whom and may be sold for at least, now and after a change. Master session."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale.change_lines import Line

TIER_ROWS = text("SELECT tier_id, good_id, price, min_resale FROM tier_prices WHERE good_id = ANY(:goods)")
FLOORS = text("SELECT id, min_resale FROM goods WHERE id = ANY(:goods) AND min_resale IS NOT NULL")
SPECIALS = text(
    """
    SELECT tenant_id, good_id, price FROM special_prices
    WHERE good_id = ANY(:goods) AND valid_from <= now() AND (valid_until IS NULL OR valid_until > now())
    """
)

K = TypeVar("K")


class Terms(Struct, frozen=True):
    """Yuan for one unit, None: not offered; and the least resale price."""

    price: Decimal | None
    floor: Decimal | None


class Outlook(Struct, frozen=True):
    """Prices of some goods: by tier and good, by station and good, and the goods' own floors."""

    goods: frozenset[int]
    tiers: dict[tuple[int, int], Terms]
    specials: dict[tuple[int, int], Decimal]
    floors: dict[int, Decimal]

    def terms(self, tenant_id: int, tier_id: int, good_id: int) -> Terms:
        """As `price_of` says in the database."""
        tier = self.tiers.get((tier_id, good_id), Terms(None, None))
        special = self.specials.get((tenant_id, good_id))
        return Terms(tier.price if special is None else special, tier.floor or self.floors.get(good_id))

    def after(self, lines: Sequence[Line]) -> "Outlook":
        """With the lines of a change, as if all of it, special prices too, held at once."""
        tiers, specials, floors = dict(self.tiers), dict(self.specials), dict(self.floors)
        for line in lines:
            good_id = line.good_id or 0
            price = line.after.price if line.after else None
            floor = line.after.floor if line.after else None
            if line.kind == "tier" and line.tier_id is not None:
                tiers[line.tier_id, good_id] = Terms(price, floor)
            elif line.kind == "floor":
                _put(floors, good_id, floor)
            elif line.kind == "special" and line.tenant_id is not None:
                _put(specials, (line.tenant_id, good_id), price)
        return Outlook(self.goods, tiers, specials, floors)


def _put(prices: dict[K, Decimal], key: K, value: Decimal | None) -> None:
    prices.pop(key, None)
    if value is not None:
        prices[key] = value


async def now(session: AsyncSession, goods: Sequence[int]) -> Outlook:
    """What holds at this moment for these goods."""
    asked = {"goods": list(goods)}
    return Outlook(
        goods=frozenset(goods),
        tiers={
            (row.tier_id, row.good_id): Terms(row.price, row.min_resale)
            for row in await session.execute(TIER_ROWS, asked)
        },
        specials={(row.tenant_id, row.good_id): row.price for row in await session.execute(SPECIALS, asked)},
        floors={row.id: row.min_resale for row in await session.execute(FLOORS, asked)},
    )
