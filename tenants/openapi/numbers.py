"""The protocol's whole numbers for orders: an order is known to a key by one, and to no other key."""

from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.orders.errors import OrderGone

# Sent again with another address, the order is told of there.
REMEMBER = text(
    """
    INSERT INTO api_orders (key_id, order_no, downstream_no, callback_url, trace_id)
    VALUES (:key_id, :order_no, :downstream_no, :callback_url, :trace_id)
    ON CONFLICT (key_id, order_no) DO UPDATE SET
        callback_url = coalesce(nullif(excluded.callback_url, ''), api_orders.callback_url),
        trace_id = coalesce(nullif(excluded.trace_id, ''), api_orders.trace_id)
    RETURNING id
    """
)
ORDER_NO = text("SELECT order_no FROM api_orders WHERE key_id = :key_id AND id = :id")


class Ordered(Struct, frozen=True, kw_only=True):
    """An order that a key has placed, with what its caller said of it. Without `callback_url` he asks himself."""

    key_id: UUID
    order_no: str
    downstream_no: str
    callback_url: str = ""
    trace_id: str = ""


async def remember(session: AsyncSession, ordered: Ordered) -> int:
    """The number of the order; the same order has the same number."""
    return int((await session.execute(REMEMBER, structs.asdict(ordered))).scalar_one())


async def order_no(session: AsyncSession, key_id: UUID, number: int) -> str:
    """Our own number of the order. Raises `OrderGone`."""
    found = (await session.execute(ORDER_NO, {"key_id": key_id, "id": number})).scalar_one_or_none()
    if found is None:
        raise OrderGone
    return str(found)
