"""Getting an order delivered by suppliers. Each step on the wire stands between two short transactions.

The rules that keep a purchase from being doubled or lost:

* *submitted* is committed, with our own reference, before the supplier is called;
* while a purchase is submitted, unknown or delivered no other can exist for the order (a unique index);
* a timeout is *unknown*; only `find` by our reference ends it, or a person; and "no such order" counts only once the
  first call can no longer be on its way (`SETTLE_S` after the submission);
* the next offer is asked only after a definite failure, or for what a definite part has left. Two are never asked at
  the same time.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards import service as vault
from kameng.core import clock, ids
from kameng.infra import outbox
from kameng.infra.crypto import Sealer
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from supplier_gateway.port import Answer, Fault, Order, Outcome, SupplierAdapter
from supplier_gateway.purchases import checking, queries
from supplier_gateway.purchases.errors import PurchaseGone, StillAlive
from supplier_gateway.purchases.models import DELIVERING, Purchase
from supplier_gateway.routing import service as routing
from supplier_gateway.routing.choice import Candidate, Reason
from supplier_gateway.routing.queries import Decided
from supplier_gateway.routing.router import most_cost
from supplier_gateway.routing.service import Asked
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers
from supplier_gateway.suppliers.service import Supplier

log = structlog.get_logger()

PLACE = "purchases.cards"
COST_SLACK = Decimal("1.05")  # a supplier may charge up to 5 % over the cost we know; beyond that it must refuse
SETTLE_S = 5.0  # beyond the wire's timeout: how long a request we gave up on may still take effect
MAX_OFFERS = 4  # asked one after the other before the order comes again later
OPEN = ("submitted", "unknown")


class PurchaseDelivered(Event, frozen=True):
    """A supplier has delivered, all or a part, and charged `cost_cents`."""

    purchase_id: UUID
    reference: str
    supplier_id: int
    cost_cents: int


class PurchaseStirred(Event, frozen=True):
    """Something is to be known of a purchase now: its supplier has called, or a person has settled it."""

    reference: str


class Request(Struct, frozen=True):
    """What is to be delivered, for whom. `order_ref` makes a repeat harmless. `wholesale_price` is what the station
    pays for one unit, in yuan; `begun_at` is when the order was paid, and the time budget counts from there. `inputs`
    are what the buyer filled in, by the field's label."""

    tenant_id: int
    order_ref: UUID
    order_no: str
    good_id: int
    quantity: int
    wholesale_price: Decimal | None = None
    kind: str = "cards"
    inputs: dict[str, str] = {}
    begun_at: datetime | None = None
    elsewhere: int = 0  # units that the order has from somebody else: by hand


class Part(Struct, frozen=True):
    """What one purchase has brought: `units` of a top-up, or cards."""

    reference: str
    units: int
    cards: tuple[str, ...] = ()
    message: str = ""


class Receipt(Struct, frozen=True):
    """How it stands. `DELIVERED`: all of it; `PARTIAL`: `units` of it, and nobody has more now. Then `cards` are plain
    secrets of all that was brought. `PENDING`: another worker is at it, ask again. While the
    outcome is another one `units` may have been brought already. `parts` are what each purchase has brought."""

    outcome: Outcome
    parts: tuple[Part, ...] = ()
    fault: Fault | None = None

    @property
    def units(self) -> int:
        return sum(part.units for part in self.parts)

    @property
    def cards(self) -> tuple[str, ...]:
        return tuple(card for part in self.parts for card in part.cards)


async def fulfil(runtime: Runtime, request: Request) -> Receipt:
    """Buys from the best offer, or goes on with the purchase that is already under way. Idempotent.

    Returns `FAILED` when every offer has definitely failed or none is there: then nothing was bought. Once the order's
    time budget is over no further offer is asked in this run: the buyer is told, and the order comes again.
    """
    return await _fulfil(runtime, request, None)


async def buy_again(runtime: Runtime, request: Request, offer_id: int | None = None) -> Receipt:
    """What a person asks for when an order is stuck: buys what is missing, by this offer where one is given, although
    its breaker may be open or a pin say otherwise. The order's follower hands over what comes.

    Raises `StillAlive` while a purchase for the order is under way, or when nothing is missing: nothing is bought then.
    """
    async with runtime.database.master_session() as session:
        await queries.lock_order(session, request.order_ref)
        seen = await queries.seen(session, request.order_ref)
    if seen.alive is not None or seen.spoken_for:
        raise StillAlive
    receipt = await _fulfil(runtime, request, offer_id)
    async with runtime.database.master_session() as session:
        for purchase in (await queries.of_order(session, request.order_ref))[-1:]:
            await outbox.record(session, PurchaseStirred(purchase.reference))
    return receipt


async def wake(session: AsyncSession, supplier_id: int, reference: str) -> bool:
    """Makes the order of a purchase run at once, because its supplier has called. What the supplier said is not
    believed but asked for. False when this supplier has no open purchase of that reference."""
    try:
        purchase = await queries.by_reference(session, reference)
    except PurchaseGone:
        return False
    if purchase.supplier_id != supplier_id or purchase.state not in OPEN:
        return False
    await outbox.record(session, PurchaseStirred(reference))
    return True


async def _fulfil(runtime: Runtime, request: Request, offer_id: int | None) -> Receipt:
    fault: Fault | None = Fault.OUT_OF_STOCK
    tried: set[int] = set()
    for _ in range(MAX_OFFERS):
        step = await _next_step(runtime, request, frozenset(tried), offer_id)
        if isinstance(step, Receipt):
            return step if step.fault is not Fault.OUT_OF_STOCK else replace(step, fault=fault)
        tried.add(step.offer_id)
        answer = await _take(runtime, step)
        if answer.outcome is Outcome.DELIVERED and step.is_whole:
            part = Part(step.order.reference, answer.delivered_quantity, answer.cards, answer.message)
            return Receipt(answer.outcome, (part,))
        fault = answer.fault
        if answer.outcome in (Outcome.UNKNOWN, Outcome.PENDING):
            break
        if answer.outcome is not Outcome.DELIVERED and (offer_id is not None or _is_late(runtime, request)):
            break
    return await standing(runtime, request, fault)


def _is_late(runtime: Runtime, request: Request) -> bool:
    if request.begun_at is None:
        return False
    budget_ms = routing.memory_of(runtime).rules.budget_ms
    return clock.now() - request.begun_at > timedelta(milliseconds=budget_ms)


class Step(Struct, frozen=True):
    """One call on the wire: buy, or ask what became of an earlier buying."""

    purchase_id: UUID
    offer_id: int
    supplier: Supplier
    order: Order
    order_no: str  # the supplier's, where an earlier answer told it
    ask_only: bool
    still_possible: bool  # the first call may yet take effect
    is_whole: bool  # the order has no other purchase that brings anything


async def _next_step(runtime: Runtime, request: Request, tried: frozenset[int], offer_id: int | None) -> Step | Receipt:
    """Decides, and commits the decision before anything is sent. `tried` are offers that need not be asked again."""
    async with runtime.database.master_session() as session:
        await queries.lock_order(session, request.order_ref)
        seen = await queries.seen(session, request.order_ref)
        if seen.alive is not None and seen.alive.state in OPEN:
            return await _ask_again(runtime, session, request, seen.alive.id)
        if not seen.sold.covers(request.tenant_id, request.good_id, request.quantity):
            log.error("order_was_not_paid_for", tenant=request.tenant_id, order=request.order_no)
            return Receipt(Outcome.FAILED, fault=Fault.REFUSED)
        request = replace(request, elsewhere=max(request.elsewhere, seen.sold.elsewhere))
        missing = request.quantity - seen.units - request.elsewhere
        if missing <= 0:
            return await _receipt(runtime, session, request, None)
        if seen.spoken_for:
            return Receipt(Outcome.PENDING)
        decision = await routing.choose(
            runtime, session, request.good_id, missing,
            wholesale_price=request.wholesale_price,
            tried=tried | seen.just_failed,
            offer_id=offer_id,
        )  # fmt: skip
        about = Decided(ids.uuid7(), request.order_ref, len(seen.lines) + 1, request.good_id)
        if decision.chosen is None:
            if not tried:  # else the last decision tells it all
                await routing.decided(runtime, session, about, decision)
            return await _receipt(runtime, session, request, Fault.OUT_OF_STOCK)
        asked_for = decision.reason is Reason.ASKED_FOR
        most = None if asked_for else most_cost(request.wholesale_price, routing.memory_of(runtime).rules)
        order = _order_for(request, decision.chosen, missing, most)
        await queries.submit(session, _submitted(about.id, request, decision.chosen, order, _lease_s(runtime)))
        await routing.decided(runtime, session, about, decision)
        return Step(
            purchase_id=about.id,
            offer_id=decision.chosen.offer_id,
            supplier=await routing.supplier(runtime, session, decision.chosen.supplier_id),
            order=order,
            order_no="",
            ask_only=False,
            still_possible=True,
            is_whole=missing == request.quantity,
        )


async def _ask_again(runtime: Runtime, session: AsyncSession, request: Request, purchase_id: UUID) -> Step | Receipt:
    """The step that asks what became of a purchase, unless another worker is at it."""
    lease_s = _lease_s(runtime)
    if not await queries.lease(session, purchase_id, lease_s):
        return await _receipt(runtime, session, request, None)
    purchase = await session.get_one(Purchase, purchase_id)
    return Step(
        purchase_id=purchase_id,
        offer_id=purchase.offer_id,
        supplier=await supplier_queries.supplier(session, purchase.supplier_id),
        order=order_of(purchase),
        order_no=purchase.supplier_order_no,
        ask_only=True,
        still_possible=clock.now() < purchase.created_at + timedelta(seconds=lease_s),
        is_whole=purchase.quantity == request.quantity,
    )


def _lease_s(runtime: Runtime) -> float:
    """A step may buy and then ask what became of it."""
    return 2 * runtime.settings.supplier_timeout_s + SETTLE_S


def _order_for(request: Request, offer: Candidate, units: int, most: Decimal | None) -> Order:
    """`most` is what one unit may cost without spoiling the margin."""
    slack = offer.cost * COST_SLACK
    return Order(
        reference=f"KM{ids.code(20)}",
        sku=offer.sku,
        quantity=units,
        max_unit_cost=(slack if most is None else min(slack, most)).quantize(Decimal("0.0001")),
        kind=request.kind,
        inputs=request.inputs,
    )


def _submitted(
    purchase_id: UUID, request: Request, offer: Candidate, order: Order, lease_s: float
) -> dict[str, object]:
    return {
        "id": purchase_id,
        "reference": order.reference,
        "tenant_id": request.tenant_id,
        "order_ref": request.order_ref,
        "order_no": request.order_no,
        "good_id": request.good_id,
        "offer_id": offer.offer_id,
        "supplier_id": offer.supplier_id,
        "sku": order.sku,
        "quantity": order.quantity,
        "max_unit_cost": order.max_unit_cost,
        "kind": order.kind,
        "inputs": msgspec.json.encode(order.inputs).decode(),
        "lease_s": lease_s,
    }


def order_of(purchase: Purchase) -> Order:
    """What its supplier was asked for."""
    return Order(
        purchase.reference, purchase.sku, purchase.quantity, purchase.max_unit_cost, purchase.kind, purchase.inputs
    )


async def _take(runtime: Runtime, step: Step) -> Answer:
    """The call itself, outside any transaction, and its record."""
    adapter = await suppliers.adapter_of(runtime, step.supplier)
    asked = Asked(step.purchase_id, step.offer_id, step.supplier.id)
    if not step.ask_only:
        routing.departed(runtime, asked)
    began = time.monotonic()
    answer = await _ask(adapter, step)
    took_s = None if step.ask_only else time.monotonic() - began
    routing.arrived(runtime, asked)
    log.info(
        "supplier_answered",
        supplier=step.supplier.name,
        reference=step.order.reference,
        outcome=str(answer.outcome),
        fault=str(answer.fault or ""),
        asked_only=step.ask_only,
    )
    return await _record(runtime, step, asked, checking.checked(step.order, answer), took_s)


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


async def _record(runtime: Runtime, step: Step, asked: Asked, answer: Answer, took_s: float | None) -> Answer:
    """What is known after it: another worker, or a person, may have settled the purchase meanwhile."""
    async with runtime.database.master_session() as session:
        purchase = await queries.under_way(session, step.purchase_id)
        if purchase.state not in OPEN:  # settled beside us; the order may have been refunded on it
            if purchase.state != str(answer.outcome):
                log.error("supplier_answered_late", reference=purchase.reference, outcome=str(answer.outcome))
            return Answer(Outcome(purchase.state), fault=answer.fault)
        answer = await keep_answer(runtime, session, purchase, answer)
        await queries.keep(session, purchase)
        needed_cents = checking.most_cents(step.order, step.order.quantity)
        await routing.answered(runtime, session, asked, answer.outcome, str(answer.fault or ""), needed_cents, took_s)
    return answer


async def keep_answer(runtime: Runtime, session: AsyncSession, purchase: Purchase, answer: Answer) -> Answer:
    """Keeps the answer with the purchase, which is locked. Cards that somebody has had before make it unknown."""
    sealer = await runtime.keyring.master()
    if answer.cards and not await _are_new(session, sealer, purchase, answer.cards):
        log.error("supplier_sold_twice", reference=purchase.reference)
        answer = checking.unbelievable("a card that was sold before")
    sealed = [sealer.seal(PLACE, f"{purchase.id}:{position}", secret) for position, secret in enumerate(answer.cards)]
    purchase.answered(answer, sealed)
    purchase.lease_until = clock.now()
    await session.flush()
    if purchase.state in DELIVERING:
        told = PurchaseDelivered(purchase.id, purchase.reference, purchase.supplier_id, purchase.cost_cents)
        await outbox.record(session, told)
    return answer


async def _are_new(session: AsyncSession, sealer: Sealer, purchase: Purchase, cards: Sequence[str]) -> bool:
    """Whether nobody has had one of these cards before, and none lies in our stock. They are taken note of then."""
    return await queries.note_cards(session, purchase, vault.seal_all(sealer, cards))


async def standing(runtime: Runtime, request: Request, fault: Fault | None = None) -> Receipt:
    """How an order stands, without a step."""
    async with runtime.database.master_session() as session:
        return await _receipt(runtime, session, request, fault)


async def _receipt(runtime: Runtime, session: AsyncSession, request: Request, fault: Fault | None) -> Receipt:
    """What the order has been brought, and whether more is on its way."""
    brought = await queries.brought(session, request.order_ref)
    alive = await queries.alive(session, request.order_ref)
    units = sum(one.delivered_quantity for one in brought)
    if units + request.elsewhere >= request.quantity:
        outcome = Outcome.DELIVERED
    elif alive is not None:
        outcome = Outcome.UNKNOWN if alive.lease_until <= clock.now() else Outcome.PENDING
    else:
        outcome = Outcome.PARTIAL if units else Outcome.FAILED
    return Receipt(
        outcome,
        parts=tuple(
            [Part(one.reference, one.delivered_quantity, await _plain(runtime, one), one.message) for one in brought]
        ),
        fault=None if outcome is Outcome.DELIVERED else fault,
    )


async def _plain(runtime: Runtime, purchase: Purchase) -> tuple[str, ...]:
    sealer = await runtime.keyring.master()
    return tuple(
        sealer.open(PLACE, f"{purchase.id}:{position}", sealed) for position, sealed in enumerate(purchase.cards)
    )
