"""What the buyer filled in, put right by a person of the shop. The caller opens the transaction."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.orders import inputs, queries, writing
from tenants.orders.errors import NotDeliverable
from tenants.orders.models import Order
from tenants.orders.states import State
from tenants.shop import queries as shop

CORRECT = text("UPDATE orders SET inputs = CAST(:inputs AS jsonb), contact = :contact WHERE id = :id")


async def correct(
    session: AsyncSession, no: str, filled_in: Mapping[str, str], contact: str, by: str
) -> tuple[Order, dict[str, str]]:
    """Changes an order that is paid and not delivered. `filled_in` is by the field's label, and checked as at the sale;
    returns the order, locked, and what stood there before. What a supplier was asked for already stays as it was asked:
    see to it that none is at work.

    Raises `OrderGone`, `NotDeliverable`, and `Invalid` with `inputs.<place>`.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if order.state not in (State.PAID, State.WAITING):
        raise NotDeliverable
    before = {**order.inputs, **({"contact": order.contact} if contact != order.contact else {})}
    fields = (await shop.head_of(session, order.product_id)).fields
    known = {**order.inputs, **filled_in}
    kept = inputs.check(fields, known) if fields else dict(known)
    values = {"id": order.id, "inputs": msgspec.json.encode(kept).decode(), "contact": contact}
    await session.execute(CORRECT, values)
    noted = {"id": order.id, "state": order.state, "note": "corrected", "actor": by, "detail": "{}"}
    await writing.write(session, writing.NOTE, noted)
    await session.refresh(order)
    return order, before
