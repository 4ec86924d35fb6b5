"""A buyer's cart. Tenant session; the caller opens the transaction, nothing here commits.

Whoever has no account yet keeps his cart in a cookie (`tenants.storefront.cart_keeping`); it is put here with his first
order or when he logs in.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Refused

MOST_LINES = 30
MOST_UNITS = 1000

LINES = text(
    "SELECT product_id, quantity, seen_cents FROM cart_lines WHERE buyer_id = :buyer ORDER BY added_at, product_id"
)
PUT = text(
    """
    INSERT INTO cart_lines AS c (buyer_id, product_id, quantity, seen_cents)
    VALUES (:buyer, :product_id, :quantity, :seen_cents)
    ON CONFLICT (buyer_id, product_id) DO UPDATE SET quantity = excluded.quantity, seen_cents = excluded.seen_cents
    """
)
DROP = text("DELETE FROM cart_lines WHERE buyer_id = :buyer AND product_id = ANY(CAST(:ids AS bigint[]))")


class CartFull(Refused):
    message = "A cart holds %(most)s products. Buy or remove some first."


class Line(Struct, frozen=True):
    """So many units of a product; `seen_cents` is what one cost when it was put in."""

    product_id: int
    quantity: int
    seen_cents: int


def with_line(lines: Sequence[Line], new: Line) -> list[Line]:
    """The cart with more of a product, or with one more product. Raises `CartFull`."""
    had = {line.product_id: line for line in lines}
    if new.product_id not in had and len(had) >= MOST_LINES:
        raise CartFull(field="quantity", most=MOST_LINES)
    before = had.get(new.product_id)
    units = min(MOST_UNITS, new.quantity + (before.quantity if before else 0))
    had[new.product_id] = Line(new.product_id, units, new.seen_cents)
    return list(had.values())


def merged(lines: Sequence[Line], more: Sequence[Line]) -> list[Line]:
    """Two carts of one person as one. Of a product in both the larger quantity counts: nobody meant to buy the sum."""
    had = {line.product_id: line for line in lines}
    for line in more:
        known = had.get(line.product_id)
        if known is None or line.quantity > known.quantity:
            had[line.product_id] = line
    return list(had.values())[:MOST_LINES]


async def lines_of(session: AsyncSession, buyer_id: UUID) -> list[Line]:
    """The buyer's cart, in the order in which he filled it."""
    return [Line(*row) for row in await session.execute(LINES, {"buyer": buyer_id})]


async def keep(session: AsyncSession, buyer_id: UUID, before: Sequence[Line], lines: Sequence[Line]) -> None:
    """Makes the buyer's cart, which was `before`, these lines."""
    gone = {line.product_id for line in before} - {line.product_id for line in lines}
    await drop(session, buyer_id, sorted(gone))
    changed = [line for line in lines if line not in before]
    if changed:
        values = [
            {"buyer": buyer_id, "product_id": line.product_id, "quantity": line.quantity, "seen_cents": line.seen_cents}
            for line in changed
        ]
        await session.execute(PUT, values)


async def drop(session: AsyncSession, buyer_id: UUID, product_ids: Sequence[int]) -> None:
    """Takes products out of the cart."""
    if product_ids:
        await session.execute(DROP, {"buyer": buyer_id, "ids": list(product_ids)})


async def hand_over(session: AsyncSession, guest_id: UUID, member_id: UUID) -> None:
    """A guest has logged in: what he had in his cart is the member's."""
    left, had = await lines_of(session, guest_id), await lines_of(session, member_id)
    if left:
        await keep(session, member_id, had, merged(had, left))
        await drop(session, guest_id, [line.product_id for line in left])
