"""The protocol's whole numbers for orders: an order is known to a key by one, and to no other key."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.orders.errors import OrderGone

REMEMBER = text(
    "INSERT INTO api_orders (key_id, order_no, downstream_no) VALUES (:key_id, :no, :downstream_no)"
    " ON CONFLICT (key_id, order_no) DO UPDATE SET order_no = excluded.order_no RETURNING id"
)
ORDER_NO = text("SELECT order_no FROM api_orders WHERE key_id = :key_id AND id = :id")


async def remember(session: AsyncSession, key_id: UUID, no: str, downstream_no: str) -> int:
    """The number of an order that this key has placed; the same order has the same number."""
    values = {"key_id": key_id, "no": no, "downstream_no": downstream_no}
    return int((await session.execute(REMEMBER, values)).scalar_one())


async def order_no(session: AsyncSession, key_id: UUID, number: int) -> str:
    """Our own number of the order. Raises `OrderGone`."""
    found = (await session.execute(ORDER_NO, {"key_id": key_id, "id": number})).scalar_one_or_none()
    if found is None:
        raise OrderGone
    return str(found)
