"""What happens to orders without a person. Shells: short transactions, none across the wire."""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra.crypto import Sealer
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from supplier_gateway.port import Fault, Outcome
from supplier_gateway.purchases import queries as purchase_queries
from supplier_gateway.purchases import service as purchases
from supplier_gateway.purchases.service import PurchaseDelivered, PurchaseStirred, Receipt, Request
from supplier_gateway.routing import service as routing
from tenants.orders import costs, live, queries, service
from tenants.orders.models import Order
from tenants.orders.moving import WAITS_AT_MOST
from tenants.orders.service import OrderPaid, OrderPlaced

log = structlog.get_logger()

SOON_S = 2.0
LATEST_S = 60.0
LATEST_QUESTION_S = 300.0  # between two questions what became of a purchase


class NeverPaidFor(Exception):
    """An order is to be bought that the master was never paid for: a forgery."""


@follows(OrderPaid, queue="orders")
async def buy_from_supplier(event: OrderPaid, tenant: Tenant, runtime: Runtime) -> None:
    """Delivers a charged order: from suppliers, or from stock that has come in. Comes again until it is final."""
    async with tenant.begin() as session:
        order = await _owed(session, event.order_id)
    await advance(runtime, tenant, order)


async def _owed(session: AsyncSession, order_id: UUID) -> Order:
    """What a delivery needs of the order, if the master owes it anything or it needs nothing: its row and its letter
    are the station's own to write, and suppliers are paid with the master's money. Raises `NeverPaidFor`."""
    order, owed_units = await queries.owed(session, order_id)
    if order.good_id is not None and not order.final and not owed_units:
        raise NeverPaidFor(order.no)
    return order


@follows(PurchaseStirred, queue="orders")
async def look_at_once(event: PurchaseStirred, _: None, runtime: Runtime) -> None:
    """The same now, for an order that waits to be asked about. The letter may be anybody's: only the purchase
    counts."""
    async with runtime.database.master_session() as session:
        purchase = await purchase_queries.by_reference(session, event.reference)
    tenant = await runtime.directory.tenant(purchase.tenant_id)
    async with tenant.begin() as session:
        order = await _owed(session, purchase.order_ref)
    try:
        await advance(runtime, tenant, order)
    except Later as later:  # the order's own letter comes again
        log.info("order_waits", order=order.no, why=str(later))


async def advance(runtime: Runtime, tenant: Tenant, order: Order) -> None:
    """One step towards delivery, from wherever the order stands. Idempotent. Raises `Later` while it is not final."""
    if order.final or order.good_id is None:  # an own product is never bought from a supplier
        return
    request = request_of(tenant, order, order.good_id)
    if (
        order.delivered_quantity
    ):  # in parts, perhaps by hand: what was bought and not handed over yet is not bought twice
        standing = await purchases.standing(runtime, request)
        if standing.units and await _handed_over(runtime, tenant, order, standing):
            return
        async with tenant.begin() as session:
            order = await queries.order(session, order.id)
        request = replace(request, elsewhere=max(0, order.delivered_quantity - standing.units))
    receipt = await _within_budget(runtime, tenant, order, request)
    if receipt.units and await _handed_over(runtime, tenant, order, receipt):
        return
    if await _delivered_from_stock(runtime, tenant, order, receipt):
        await live.changed(runtime, tenant, order.no)
        return
    if receipt.outcome in (Outcome.FAILED, Outcome.PARTIAL) and clock.now() > _given_up_at(order):
        await _give_up(runtime, tenant, order)
        return
    async with tenant.begin() as session:
        await service.wait(session, order, _reason(receipt))
    await live.changed(runtime, tenant, order.no)
    raise Later(_patience_s(order, receipt), _reason(receipt))


def request_of(tenant: Tenant, order: Order, good_id: int) -> Request:
    """What the gateway is asked for; for the desk too, which may have it bought again."""
    return Request(
        tenant_id=tenant.id,
        order_ref=order.id,
        order_no=order.no,
        good_id=good_id,
        quantity=order.quantity,
        wholesale_price=order.wholesale_price,
        kind=order.kind,
        inputs=order.inputs,
        begun_at=order.paid_at,
    )


async def _within_budget(runtime: Runtime, tenant: Tenant, order: Order, request: Request) -> Receipt:
    """The gateway's answer. When it takes longer than an order should, the buyer is told meanwhile; the call goes on,
    since giving it up would only make it unknown."""
    buying = asyncio.ensure_future(purchases.fulfil(runtime, request))
    try:
        left_s = _budget_left_s(runtime, order)
        if order.state == "paid" and left_s > 0:
            await asyncio.wait({buying}, timeout=left_s)
            if not buying.done():
                async with tenant.begin() as session:
                    await service.wait(session, order, "checking")
                await live.changed(runtime, tenant, order.no)
        return await buying
    finally:
        buying.cancel()


def _budget_left_s(runtime: Runtime, order: Order) -> float:
    budget_s = routing.memory_of(runtime).rules.budget_ms / 1000
    return budget_s - (clock.now() - (order.paid_at or order.created_at)).total_seconds()


async def _handed_over(runtime: Runtime, tenant: Tenant, order: Order, receipt: Receipt) -> bool:
    """Gives the order what was brought; true when that was all of it."""
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        delivered = await _hand_over(session, sealer, order.id, receipt)
    await live.changed(runtime, tenant, order.no)
    return delivered


async def _hand_over(session: AsyncSession, sealer: Sealer, order_id: UUID, receipt: Receipt) -> bool:
    """The order is locked first, so that two workers with the same receipt hand each unit over once: cards are known by
    themselves, what has none by its purchase."""
    order = await queries.on_its_way(session, order_id)
    if order.kind == "cards":
        message = "\n".join(part.message for part in receipt.parts if part.message)
        await service.hand_over(session, sealer, order, receipt.cards, message=message)
    else:
        for part in receipt.parts:
            await service.hand_over(
                session, sealer, order, [], message=part.message, units=part.units, source=part.reference
            )
    return order.final


async def _delivered_from_stock(runtime: Runtime, tenant: Tenant, order: Order, receipt: Receipt) -> bool:
    if receipt.outcome not in (Outcome.FAILED, Outcome.PARTIAL):
        return False
    vault = await runtime.keyring.vault(tenant.id)
    async with tenant.begin() as session:
        return await service.deliver_from_stock(session, vault, order)


async def _give_up(runtime: Runtime, tenant: Tenant, order: Order) -> None:
    """The promise is over: the money for what has not come goes back."""
    async with tenant.begin() as session:
        await service.end_part(session, order.id, "not_delivered")
    await live.changed(runtime, tenant, order.no)


def _given_up_at(order: Order) -> datetime:
    return order.due_at or order.created_at + WAITS_AT_MOST


def _reason(receipt: Receipt) -> str:
    """A word that the order page translates for the buyer; the supplier is never named."""
    if receipt.outcome not in (Outcome.FAILED, Outcome.PARTIAL):
        return "checking"
    if receipt.fault == Fault.INPUT:
        return "wrong_input"
    return "out_of_stock" if receipt.fault == Fault.OUT_OF_STOCK else "supplier_down"


def _patience_s(order: Order, receipt: Receipt) -> float:
    """Soon at first; then at a quarter of the order's age: some suppliers never finish. Stock may come in any minute; a
    supplier that has been asked many times is asked less. Wrong input has to be put right first; then it goes on at
    once."""
    if receipt.fault == Fault.INPUT:
        return LATEST_S
    age_s = (clock.now() - order.created_at).total_seconds()
    latest_s = LATEST_QUESTION_S if receipt.outcome is Outcome.UNKNOWN else LATEST_S
    return max(SOON_S, min(latest_s, age_s / 4))


@follows(OrderPlaced, queue="orders")
async def expire_unpaid(event: OrderPlaced, tenant: Tenant, runtime: Runtime) -> None:
    """Ends an order whose money has not come in time. Money that comes later stays in the buyer's wallet."""
    async with tenant.begin() as session:
        order = await queries.order(session, event.order_id)
        expired = await service.expire(session, order.id, "not_paid")
    if expired:
        await live.changed(runtime, tenant, order.no)


@follows(PurchaseDelivered, queue="orders")
async def post_supplier_cost(event: PurchaseDelivered, _: None, runtime: Runtime) -> None:
    """Books what the supplier charged, together with whatever else was delivered in these moments."""
    await costs.posting_of(runtime).ask(event.reference)
