"""Orders that were placed and are paid together."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from tenants.orders import queries
from tenants.orders.errors import OrderGone
from tenants.orders.models import Order
from tenants.orders.moving import cancel
from tenants.orders.states import State


def new_no() -> str:
    """`B261122-K7Q2M9XW4T`."""
    return f"B{ids.order_no(clock.now())}"


def line_key(request_key: str, place: int) -> str:
    """The request's key for one line; that of the first finds the basket again."""
    return f"{request_key}.{place}"


async def orders_of(session: AsyncSession, basket_no: str) -> Sequence[Order]:
    """The basket's orders, as they were placed; none for what is no basket."""
    if not basket_no:
        return []
    return (await session.scalars(select(Order).where(Order.basket_no == basket_no).order_by(Order.id))).all()


async def of_buyer(session: AsyncSession, buyer_id: UUID, basket_no: str) -> Sequence[Order]:
    """The same for its buyer. Raises `OrderGone`, for somebody else's too."""
    found = [order for order in await orders_of(session, basket_no) if order.buyer_id == buyer_id]
    if not found:
        raise OrderGone
    return found


async def requested(session: AsyncSession, buyer_id: UUID, request_key: str) -> str | None:
    """The basket that this request has become before."""
    first = await queries.order_requested(session, buyer_id, line_key(request_key, 0))
    return first.basket_no if first else None


async def call_off(session: AsyncSession, basket: Sequence[Order]) -> list[str]:
    """Calls off what is not paid of a basket; the numbers of these orders."""
    unpaid = sorted(order.no for order in basket if order.state == State.UNPAID)
    locked = [await queries.order_by_no(session, no, lock=True) for no in unpaid]
    called_off = [order for order in locked if order.state == State.UNPAID]
    for order in called_off:
        await cancel(session, order.id, "")
    return [order.no for order in called_off]
