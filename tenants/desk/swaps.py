"""Another product in place of one that cannot be delivered: offered by the shop, taken or declined by the buyer.

Taking it is two commits, since a buyer's balance is known to a sale only after the refund's commit: the first gives the
money back and says so, the second places the new order from the wallet. A letter carries on what dies between them; if
the new order is refused, the buyer has his money and is told.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.core.money import total_cents
from kameng.infra import outbox
from kameng.infra.crypto import Vault
from tenants.desk import settings
from tenants.desk.errors import Dearer, NoEquivalent, OfferedAlready, SwapGone
from tenants.desk.events import SwapAccepted
from tenants.desk.models import Case
from tenants.orders import ladder
from tenants.orders import queries as orders
from tenants.orders import service as selling
from tenants.orders.service import WALLET, Item, Order, OrderDraft, Placed
from tenants.shop import queries as shop
from tenants.shop.errors import ProductGone

FIELDS = "id, case_id, order_id, product_id, product_name, total_cents, state, new_no"
SWAPPED = "swapped"  # the reason of the first order's end

# Named ones first; then, where the owner allows it, the dearest of the same category that has a label in common and is
# not dearer than what was bought. What has lately been seen sold out is left out.
CANDIDATES = text(
    """
    SELECT p.id, p.name, p.price, p.ladder, coalesce(h.name, '') AS head FROM (
        SELECT e.id, 0 AS rank, e.place, 0::numeric AS away
        FROM products m CROSS JOIN unnest(m.equivalents) WITH ORDINALITY AS e (id, place) WHERE m.id = :product_id
        UNION ALL
        SELECT o.id, 1, 0, m.price - o.price FROM products m
        JOIN products o ON o.category_id = m.category_id AND o.labels && m.labels AND o.id <> m.id
        WHERE :alike AND m.id = :product_id AND o.variant_of IS NULL AND o.price <= m.price
    ) found JOIN products p ON p.id = found.id LEFT JOIN products h ON h.id = p.variant_of
    WHERE p.specs = '[]' AND p.archived_at IS NULL AND p.state = 'on_sale' AND coalesce(h.state, 'on_sale') = 'on_sale'
      AND NOT p.sold_out AND :quantity BETWEEN p.min_quantity AND p.max_quantity
      AND p.kind = :kind AND (CAST(:chosen AS bigint) IS NULL OR p.id = :chosen)
    ORDER BY found.rank, found.place, found.away, p.id LIMIT 10
    """
)
INSERT = text(
    f"""
    INSERT INTO desk_swaps (id, case_id, order_id, product_id, product_name, total_cents)
    VALUES (:id, :case_id, :order_id, :product_id, :name, :cents)
    ON CONFLICT (order_id) WHERE state = 'offered' DO NOTHING RETURNING {FIELDS}
    """  # noqa: S608 - the constant above
)
OPEN = text(f"SELECT {FIELDS} FROM desk_swaps WHERE order_id = :order_id AND state = 'offered'")  # noqa: S608 - as above
ONE = text(f"SELECT {FIELDS} FROM desk_swaps WHERE id = :id")  # noqa: S608 - as above
ANSWER = text(
    f"""
    UPDATE desk_swaps SET state = :state, answered_at = now() WHERE id = :id AND order_id = :order_id
    AND state = 'offered' RETURNING {FIELDS}
    """  # noqa: S608 - as above
)
END = text("UPDATE desk_swaps SET state = :state, new_no = :no WHERE id = :id AND state = 'accepted'")


class Swap(Struct, frozen=True, kw_only=True):
    """One offer; `total_cents` for the whole quantity."""

    id: UUID
    case_id: UUID
    order_id: UUID
    product_id: int
    product_name: str
    total_cents: int
    state: str
    new_no: str


async def candidates(session: AsyncSession, order: Order, chosen: int | None = None) -> Sequence[tuple[int, str, int]]:
    """`(product, its name, cents for the order's quantity)` of what may be offered, best first; none that is dearer
    than what was paid."""
    asked = {
        "product_id": order.product_id,
        "alike": (await settings.read(session)).alike,
        "quantity": order.quantity,
        "kind": order.kind,
        "chosen": chosen,
    }
    found = [_priced(row, order.quantity) for row in await session.execute(CANDIDATES, asked)]
    return [one for one in dict.fromkeys(found) if one[2] <= order.total_cents]


def _priced(row: Any, quantity: int) -> tuple[int, str, int]:
    name = f"{row.head} · {row.name}" if row.head else row.name
    return row.id, name, total_cents(ladder.unit_price(Decimal(row.price), row.ladder, quantity), quantity)


async def offer(session: AsyncSession, case: Case, order: Order, chosen: int | None = None) -> Swap:
    """Offers the best equivalent, or the one that a person chose. Raises `NoEquivalent`, `OfferedAlready`."""
    found = await candidates(session, order, chosen)
    if not found or order.final or order.delivered_quantity:
        raise NoEquivalent
    product_id, name, cents = found[0]
    values = {"id": ids.uuid7(), "case_id": case.id, "order_id": order.id, "product_id": product_id, "name": name,
              "cents": cents}  # fmt: skip
    row = (await session.execute(INSERT, values)).mappings().one_or_none()
    if row is None:
        raise OfferedAlready
    return Swap(**row)


async def open_for(session: AsyncSession, order: Order) -> Swap | None:
    """What the buyer can take now."""
    if order.final or order.delivered_quantity:
        return None
    row = (await session.execute(OPEN, {"order_id": order.id})).mappings().one_or_none()
    return Swap(**row) if row else None


async def decline(session: AsyncSession, order: Order, swap_id: UUID) -> Swap:
    """Raises `SwapGone`."""
    return await _answer(session, order, swap_id, "declined")


async def accept(session: AsyncSession, order: Order, swap_id: UUID) -> Swap:
    """The first commit: the order's money goes back to the wallet. `order` is locked. Raises `SwapGone`, `Dearer`,
    `NotRefundable`, and `UnderWay` while a supplier may still deliver; then all stays as it is."""
    swap = await _answer(session, order, swap_id, "accepted")
    try:
        product = await shop.product(session, swap.product_id)
    except ProductGone:
        raise SwapGone from None
    now_cents = total_cents(ladder.unit_price(product.price, product.ladder, order.quantity), order.quantity)
    if now_cents > swap.total_cents:
        raise Dearer
    await selling.refund(session, order.no, SWAPPED)
    await outbox.record(session, SwapAccepted(swap.id))
    return swap


async def _answer(session: AsyncSession, order: Order, swap_id: UUID, state: str) -> Swap:
    values = {"id": swap_id, "order_id": order.id, "state": state}
    row = (await session.execute(ANSWER, values)).mappings().one_or_none()
    if row is None or (order.final and state == "accepted"):
        raise SwapGone
    return Swap(**row)


async def swap(session: AsyncSession, swap_id: UUID) -> Swap:
    """Raises `SwapGone`."""
    row = (await session.execute(ONE, {"id": swap_id})).mappings().one_or_none()
    if row is None:
        raise SwapGone
    return Swap(**row)


async def place(session: AsyncSession, vault: Vault, of: Swap) -> Placed:
    """The second commit: the new order, from the wallet. The same swap is the same order. What was filled in goes
    along by its label. Raises as `selling.place` does."""
    old = await orders.order(session, of.order_id)
    draft = OrderDraft(
        product_id=of.product_id,
        quantity=old.quantity,
        pay_method=WALLET,
        request_key=f"swap-{of.id.hex}",
        contact=old.contact,
    )
    placed = await selling.place(session, vault, old.buyer_id, Item(draft=draft, inputs=old.inputs))
    if placed.total_cents > of.total_cents:
        raise Dearer
    await session.execute(END, {"id": of.id, "state": "done", "no": placed.no})
    return placed


async def fail(session: AsyncSession, of: Swap) -> None:
    """The new order was refused: the money stays in the wallet."""
    await session.execute(END, {"id": of.id, "state": "failed", "no": ""})
