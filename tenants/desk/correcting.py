"""A buyer puts right what he filled in, once a supplier has refused it: nobody of the shop is needed for that."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from supplier_gateway.purchases import queries as purchases
from tenants.desk import queries, service
from tenants.desk.errors import StillAsked, TooManyCorrections
from tenants.desk.events import OrderPushed
from tenants.desk.states import Kind, Result
from tenants.orders import correcting
from tenants.orders import queries as orders
from tenants.orders.errors import NotDeliverable
from tenants.orders.service import Order
from tenants.orders.states import State
from tenants.shop import queries as shop

WRONG_INPUT = "wrong_input"  # why an order waits
BUYER = "buyer"  # who did it, in the order's history
MOST = 5  # by himself: each is a question to the supplier whether such an account exists

DONE = text("SELECT count(*) FROM order_events WHERE order_id = :id AND note = 'corrected' AND actor = :actor")


async def fields_of(session: AsyncSession, order: Order) -> Sequence[Mapping[str, Any]]:
    """What can be put right: the product's fields as they are now, else what was filled in."""
    fields: Sequence[Mapping[str, Any]] = (await shop.head_of(session, order.product_id)).fields
    return fields or [{"label": label, "kind": "text", "required": True} for label in order.inputs]


async def refused_of(session: AsyncSession, buyer_id: UUID, no: str) -> Order:
    """The buyer's own order, if it waits for this. Raises `OrderGone`, `NotDeliverable`."""
    order = await orders.order_of(session, buyer_id, no)
    if order.state != State.WAITING or order.reason != WRONG_INPUT:
        raise NotDeliverable
    return order


async def by_buyer(runtime: Runtime, tenant: Tenant, buyer_id: UUID, no: str, filled_in: Mapping[str, str]) -> None:
    """Changes the order, and has it go on. `filled_in` is by the field's place.

    Raises `OrderGone`, `NotDeliverable`, `StillAsked`, `TooManyCorrections`, and `Invalid` with `inputs.<place>`.
    """
    async with tenant.begin() as session:
        order = await refused_of(session, buyer_id, no)
    await nobody_is_asked(runtime, order.id)
    async with tenant.begin() as session:
        order, _ = await correcting.correct(session, order.no, filled_in, order.contact, BUYER)
        done = (await session.execute(DONE, {"id": order.id, "actor": BUYER})).scalar_one()
        if done > MOST:  # with this one; the order is locked, so none is made beside it
            raise TooManyCorrections
        if case := await queries.of_order(session, order.id, Kind.WRONG_INPUT):
            await service.note(session, case, "correct", Result.DONE, actor=BUYER)
        await outbox.record(session, OrderPushed(order.id))


async def nobody_is_asked(runtime: Runtime, order_id: UUID) -> None:
    """Raises `StillAsked` while a purchase with what was filled in before may still deliver."""
    async with runtime.database.master_session() as session:
        if await purchases.alive(session, order_id) is not None:
            raise StillAsked
