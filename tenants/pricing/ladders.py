"""Quantity ladders go with the price: a step keeps its share of it, is never above it and never below the floor."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.pricing import rounding

Ladder = Sequence[Sequence[Any]]  # as products keep it: [[10, "9.5000"], ...]

READ = text(
    "SELECT id, ladder, coalesce(floor_price, 0) AS floor FROM products"
    " WHERE id = ANY(:ids) AND ladder <> '[]' ORDER BY id FOR UPDATE"
)
WRITE = text("UPDATE products SET ladder = CAST(:ladder AS jsonb) WHERE id = :id")


class Moved(Struct, frozen=True):
    """A product whose price went from `old` to `new` yuan, or stays (both are the same) over a floor that has risen."""

    product_id: int
    old: Decimal
    new: Decimal
    floor: Decimal


def moved(ladder: Ladder, old: Decimal, new: Decimal, floor: Decimal) -> list[list[Any]]:
    """The ladder of a price that went from `old` to `new`. Steps fall from one to the next, or are the same where the
    floor, or the price itself where that is below the floor, holds them up. Pure."""
    steps: list[list[Any]] = []
    above = new
    for quantity, each in sorted(ladder, key=lambda step: int(step[0])):
        wanted = rounding.up(Decimal(str(each)) * new / old) if old != new else Decimal(str(each))
        above = min(above, max(wanted, floor))
        steps.append([quantity, str(above)])
    return steps


async def move(session: AsyncSession, lines: Sequence[Moved]) -> None:
    """Has the ladders of these products follow. Tenant session; after prices and floors are written."""
    of = {line.product_id: line for line in lines}
    for row in (await session.execute(READ, {"ids": list(of)})).all() if of else ():
        line = of[row.id]
        now = moved(row.ladder, line.old, line.new, max(line.floor, row.floor))
        if _prices(now) != _prices(row.ladder):
            await session.execute(WRITE, {"id": row.id, "ladder": msgspec.json.encode(now).decode()})


def _prices(ladder: Ladder) -> list[tuple[int, Decimal]]:
    return [(int(quantity), Decimal(str(each))) for quantity, each in ladder]
