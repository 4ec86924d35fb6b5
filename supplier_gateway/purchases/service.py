"""Getting an order delivered by suppliers. Each step on the wire stands between two short transactions.

The rules that keep a purchase from being doubled or lost:

* *submitted* is committed, with our own reference, before the supplier is called;
* while a purchase is submitted, unknown or delivered no other can exist for the order (a unique index);
* a timeout is *unknown*; only `find` by our reference ends it, and "no such order" counts only once the first call can
  no longer be on its way (`SETTLE_S` after the submission);
* the next offer is tried only after a definite failure.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards import service as vault
from kameng.core import clock, ids
from kameng.infra import outbox
from kameng.infra.crypto import Sealer
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import queries as offers
from supplier_gateway.offers.queries import OfferLine
from supplier_gateway.port import Answer, Fault, Order, Outcome, SupplierAdapter
from supplier_gateway.purchases import checking, queries
from supplier_gateway.purchases.models import Purchase
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers

log = structlog.get_logger()

PLACE = "purchases.cards"
COST_SLACK = Decimal("1.05")  # a supplier may charge up to 5 % over the cost we know; beyond that it must refuse
SETTLE_S = 5.0  # beyond the wire's timeout: how long a request we gave up on may still take effect
MAX_OFFERS = 3


class PurchaseDelivered(Event, frozen=True):
    """A supplier has delivered and charged `cost_cents`."""

    purchase_id: UUID
    reference: str
    supplier_id: int
    cost_cents: int


class Request(Struct, frozen=True):
    """What is to be delivered, for whom. `order_ref` makes a repeat harmless."""

    tenant_id: int
    order_ref: UUID
    order_no: str
    good_id: int
    quantity: int


class Receipt(Struct, frozen=True):
    """How it stands. `cards` are plain secrets when delivered. `PENDING`: another worker is at it, ask again."""

    outcome: Outcome
    cards: tuple[str, ...] = ()
    fault: Fault | None = None


async def fulfil(runtime: Runtime, request: Request) -> Receipt:
    """Buys from the best offer, or goes on with the purchase that is already under way. Idempotent.

    Returns `FAILED` when every offer has definitely failed or none is there: then nothing was bought.
    """
    receipt = Receipt(Outcome.FAILED, fault=Fault.OUT_OF_STOCK)
    tried: set[int] = set()
    for _ in range(MAX_OFFERS):
        step = await _next_step(runtime, request, tried)
        if isinstance(step, Receipt):
            return step if step.fault is not Fault.OUT_OF_STOCK else receipt
        tried.add(step.offer_id)
        receipt = await _take(runtime, step)
        if receipt.outcome is not Outcome.FAILED:
            return receipt
    return receipt


class Step(Struct, frozen=True):
    """One call on the wire: buy, or ask what became of an earlier buying."""

    purchase_id: UUID
    offer_id: int
    supplier_id: int
    order: Order
    order_no: str  # the supplier's, where an earlier answer told it
    ask_only: bool
    still_possible: bool  # the first call may yet take effect


async def _next_step(runtime: Runtime, request: Request, tried: set[int]) -> Step | Receipt:
    """Decides, and commits the decision before anything is sent. `tried` are offers that need not be asked again."""
    lease_s = 2 * runtime.settings.supplier_timeout_s + SETTLE_S  # a step may buy and then ask what became of it
    async with runtime.database.master_session() as session:
        await queries.lock_order(session, request.order_ref)
        purchase = await queries.alive(session, request.order_ref)
        if purchase is None:
            if await queries.spoken_for(session, request.order_ref):
                return Receipt(Outcome.PENDING)
            failed = tried | await queries.just_failed(session, request.order_ref)
            candidates = await offers.upstream(session, request.good_id, request.quantity)
            offer = next((offer for offer in candidates if offer.id not in failed), None)
            if offer is None:
                return Receipt(Outcome.FAILED, fault=Fault.OUT_OF_STOCK)
            purchase = _submitted(request, offer, lease_s)
            session.add(purchase)
            await session.flush()
            return _step(purchase, ask_only=False, still_possible=True)
        if purchase.state == "delivered":
            return Receipt(Outcome.DELIVERED, cards=await _plain(runtime, purchase))
        if not await queries.lease(session, purchase.id, lease_s):
            return Receipt(Outcome.PENDING)
        horizon = purchase.created_at + timedelta(seconds=lease_s)
        return _step(purchase, ask_only=True, still_possible=clock.now() < horizon)


def _submitted(request: Request, offer: OfferLine, lease_s: float) -> Purchase:
    return Purchase(
        id=ids.uuid7(),
        reference=f"KM{ids.code(20)}",
        tenant_id=request.tenant_id,
        order_ref=request.order_ref,
        order_no=request.order_no,
        good_id=request.good_id,
        offer_id=offer.id,
        supplier_id=offer.supplier_id,
        sku=offer.sku,
        quantity=request.quantity,
        max_unit_cost=(offer.cost * COST_SLACK).quantize(Decimal("0.0001")),
        state="submitted",
        lease_until=clock.now() + timedelta(seconds=lease_s),
    )


def _step(purchase: Purchase, *, ask_only: bool, still_possible: bool) -> Step:
    return Step(
        purchase_id=purchase.id,
        offer_id=purchase.offer_id,
        supplier_id=purchase.supplier_id,
        order=Order(purchase.reference, purchase.sku, purchase.quantity, purchase.max_unit_cost),
        order_no=purchase.supplier_order_no,
        ask_only=ask_only,
        still_possible=still_possible,
    )


async def _take(runtime: Runtime, step: Step) -> Receipt:
    """The call itself, outside any transaction, and its record."""
    async with runtime.database.master_session() as session:
        supplier = await supplier_queries.supplier(session, step.supplier_id)
    adapter = await suppliers.adapter_of(runtime, supplier)
    answer = await _ask(adapter, step)
    log.info(
        "supplier_answered",
        supplier=supplier.name,
        reference=step.order.reference,
        outcome=str(answer.outcome),
        fault=str(answer.fault or ""),
        asked_only=step.ask_only,
    )
    return await _record(runtime, step, checking.checked(step.order, answer))


async def _ask(adapter: SupplierAdapter, step: Step) -> Answer:
    if not step.ask_only:
        answer = await adapter.buy(step.order)
        if answer.outcome is not Outcome.UNKNOWN:
            return answer
    found = await adapter.find(step.order.reference, order_no=step.order_no, order=step.order)
    if found.outcome is Outcome.FAILED and found.fault is Fault.NOT_FOUND and step.still_possible:
        # Not there yet: that says nothing about the order we sent.
        return Answer(Outcome.UNKNOWN, fault=found.fault, detail=found.detail)
    return found


async def _record(runtime: Runtime, step: Step, answer: Answer) -> Receipt:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        purchase = await session.get_one(Purchase, step.purchase_id, with_for_update=True)
        if purchase.state == "delivered":
            return Receipt(Outcome.DELIVERED, cards=await _plain(runtime, purchase))
        if purchase.state == "failed":  # settled beside us; the order may have been refunded on it
            log.error("supplier_answered_late", reference=purchase.reference, outcome=str(answer.outcome))
            return Receipt(Outcome.FAILED, fault=answer.fault)
        if answer.outcome is Outcome.DELIVERED and not await _are_new(session, sealer, purchase, answer.cards):
            log.error("supplier_sold_twice", reference=purchase.reference)
            answer = checking.unbelievable("a card that was sold before")
        sealed = [
            sealer.seal(PLACE, f"{purchase.id}:{position}", secret) for position, secret in enumerate(answer.cards)
        ]
        purchase.answered(answer, sealed)
        purchase.lease_until = clock.now()
        if purchase.state == "delivered":
            await outbox.record(
                session,
                PurchaseDelivered(purchase.id, purchase.reference, purchase.supplier_id, purchase.cost_cents),
            )
    return Receipt(Outcome(purchase.state), cards=answer.cards, fault=answer.fault)


async def _are_new(session: AsyncSession, sealer: Sealer, purchase: Purchase, cards: Sequence[str]) -> bool:
    """Whether nobody has had one of these cards before, and none lies in our stock. They are taken note of then."""
    fresh = vault.seal_all(sealer, cards)
    noting = await session.begin_nested()
    noted = await queries.note_cards(session, purchase, fresh)
    if noted < len(cards):
        await noting.rollback()
        return False
    await noting.commit()
    return True


async def _plain(runtime: Runtime, purchase: Purchase) -> tuple[str, ...]:
    sealer = await runtime.keyring.master()
    return tuple(
        sealer.open(PLACE, f"{purchase.id}:{position}", sealed) for position, sealed in enumerate(purchase.cards)
    )
