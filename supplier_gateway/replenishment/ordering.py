"""The order itself, under the rules of purchases: it is committed before its supplier hears of it; what has no clear
answer is unknown, and only asking or a person ends it; it is sent once. Cards that come lie in the pool with the commit
that says so, as a batch with supplier and cost."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards import batches
from kameng.cards import service as vault
from kameng.cards.batches import BatchDraft
from kameng.cards.imports import CardsImported
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.infra import outbox
from kameng.infra.crypto import Sealer
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later
from supplier_gateway.port import Answer, Fault, Order, Outcome
from supplier_gateway.purchases import checking
from supplier_gateway.purchases.service import SETTLE_S
from supplier_gateway.replenishment import queries
from supplier_gateway.replenishment.errors import NotStuck
from supplier_gateway.replenishment.queries import Replenishment
from supplier_gateway.replenishment.service import Replenished, ReplenishmentAsked
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers

log = structlog.get_logger()

SOON_S, LATEST_S = 2.0, 300.0
PERSON_AFTER = timedelta(minutes=10)
BY_HAND = "settled by a person"

# Whoever sets `sent_at` buys; everybody after him asks.
TAKE = text(
    """
    UPDATE replenishments r SET sent_at = coalesce(r.sent_at, clock_timestamp()),
        lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    FROM (SELECT id, sent_at FROM replenishments WHERE id = :id FOR UPDATE) before
    WHERE r.id = before.id AND r.state IN ('submitted', 'unknown') AND r.lease_until <= clock_timestamp()
    RETURNING r.reference, before.sent_at IS NULL AS is_first
    """
)
STATE = text("SELECT state FROM replenishments WHERE id = :id")
LOCK = text("SELECT state FROM replenishments WHERE id = :id FOR UPDATE")
ANSWERED = text(
    """
    UPDATE replenishments SET state = :state, fault = :fault, detail = :detail, lease_until = clock_timestamp(),
        supplier_order_no = CASE WHEN :order_no = '' THEN supplier_order_no ELSE :order_no END,
        cost_cents = :cost_cents, received = :received, batch_id = :batch_id,
        settled_at = CASE WHEN :state = 'unknown' THEN NULL ELSE now() END
    WHERE id = :id
    """
)
KNOWN = text(
    """
    SELECT EXISTS (SELECT 1 FROM unnest(CAST(:fingerprints AS bytea[])) AS f (print) WHERE
        EXISTS (SELECT 1 FROM card_pool WHERE item_id = :item AND fingerprint = f.print)
        OR EXISTS (SELECT 1 FROM card_issued WHERE item_id = :item AND fingerprint = f.print)
        OR EXISTS (SELECT 1 FROM card_held WHERE item_id = :item AND fingerprint = f.print)
        OR EXISTS (SELECT 1 FROM card_aside WHERE item_id = :item AND fingerprint = f.print))
    """
)
PUT = text(
    """
    INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id)
    SELECT c.id, :item, c.secret, c.fingerprint, c.cost, :batch
    FROM unnest(CAST(:ids AS uuid[]), CAST(:secrets AS bytea[]), CAST(:fingerprints AS bytea[]),
                CAST(:costs AS bigint[]))
        AS c (id, secret, fingerprint, cost)
    """
)
STRANDED = text(
    "SELECT id FROM replenishments WHERE state IN ('submitted', 'unknown')"
    " AND lease_until < now() - interval '10 minutes' ORDER BY lease_until LIMIT 50"
)
OF_SUPPLIER = text(
    "SELECT id FROM replenishments WHERE reference = :reference AND supplier_id = :supplier"
    " AND state IN ('submitted', 'unknown')"
)


class Verdict(Struct, frozen=True):
    """What a person has found out at the supplier: the cards that came and what they cost in all, or that none did."""

    cards: tuple[str, ...] = ()
    cost_cents: int = 0
    supplier_order_no: str = ""


async def advance(runtime: Runtime, replenishment_id: UUID) -> None:
    """Sends the order, or asks what became of it. Idempotent. Raises `Later` while nobody knows."""
    async with runtime.database.master_session() as session:
        lease_s = 2 * runtime.settings.supplier_timeout_s + SETTLE_S
        taken = (await session.execute(TAKE, {"id": replenishment_id, "lease_s": lease_s})).one_or_none()
        if taken is None:
            if await session.scalar(STATE, {"id": replenishment_id}) in ("submitted", "unknown"):
                raise Later(lease_s, "another worker is at it")
            return
        asked = await queries.find(session, taken.reference)
        supplier = await supplier_queries.supplier(session, asked.supplier_id or 0)
    adapter = await suppliers.adapter_of(runtime, supplier)
    order = _order(asked)
    answer = await adapter.buy(order) if taken.is_first else None
    if answer is None or answer.outcome is Outcome.UNKNOWN:
        answer = await adapter.find(order.reference, order_no=asked.supplier_order_no, order=order)
        answer = _believed(answer, asked, lease_s)
    log.info("replenishment_answered", supplier=supplier.name, reference=order.reference, outcome=str(answer.outcome))
    async with runtime.database.master_session() as session:
        state = await _record(runtime, session, asked, supplier.name, checking.checked(order, answer))
    if state == "unknown":
        age_s = (clock.now() - (asked.submitted_at or clock.now())).total_seconds()
        raise Later(max(SOON_S, min(LATEST_S, age_s / 4)), str(answer.fault or answer.outcome))


def _order(asked: Replenishment) -> Order:
    return Order(asked.reference, asked.sku, asked.quantity, asked.max_unit_cost)


def _believed(found: Answer, asked: Replenishment, lease_s: float) -> Answer:
    """*No such order* counts once the first call can no longer be on its way."""
    is_early = asked.sent_at is None or clock.now() < asked.sent_at + timedelta(seconds=lease_s)
    if found.outcome is Outcome.FAILED and found.fault is Fault.NOT_FOUND and is_early:
        return Answer(Outcome.UNKNOWN, fault=found.fault, detail=found.detail)
    return found


async def _record(runtime: Runtime, session: AsyncSession, asked: Replenishment, supplier: str, answer: Answer) -> str:
    """Keeps what is known now, with the cards; returns the state. Another worker, or a person, may have been first."""
    stands = str((await session.execute(LOCK, {"id": asked.id})).scalar_one())
    if stands not in ("submitted", "unknown"):
        if answer.cards:
            log.error("replenishment_answered_late", reference=asked.reference)
        return stands
    batch_id = None
    if answer.cards:
        sealer = await runtime.keyring.master()
        batch_id = await _put(session, sealer, asked, supplier, answer)
        if batch_id is None:
            log.error("supplier_sold_twice", reference=asked.reference)
            answer = checking.unbelievable("a card that was sold before")
    state = _state_of(answer.outcome)
    values = {"id": asked.id, "state": state, "fault": str(answer.fault or ""), "detail": answer.detail[:200],
              "order_no": answer.supplier_order_no, "cost_cents": answer.cost_cents if batch_id else 0,
              "received": len(answer.cards), "batch_id": batch_id}  # fmt: skip
    await session.execute(ANSWERED, values)
    if batch_id is not None:
        await outbox.record(session, CardsImported(asked.good_id, 0, len(answer.cards)))
        await outbox.record(session, Replenished(asked.reference))
    return state


def _state_of(outcome: Outcome) -> str:
    if outcome in (Outcome.UNKNOWN, Outcome.PENDING):
        return "unknown"
    return "received" if outcome is Outcome.DELIVERED else str(outcome)


async def _put(
    session: AsyncSession, sealer: Sealer, asked: Replenishment, supplier: str, answer: Answer
) -> int | None:
    """The batch that the cards lie in; None when somebody has had one of them, and then none is taken."""
    await vault.lock_item(session, asked.good_id)
    fresh = vault.seal_all(sealer, answer.cards)
    if await session.scalar(KNOWN, {"item": asked.good_id, "fingerprints": fresh.fingerprints}):
        return None
    costs = _shares(answer.cost_cents, len(answer.cards))
    draft = BatchDraft(item_id=asked.good_id, supplier=supplier, cost_cents=costs[-1], note=asked.reference,
                       made_by=asked.made_by)  # fmt: skip
    batch_id = await batches.add(session, draft)
    values = {"item": asked.good_id, "batch": batch_id, "ids": fresh.ids, "secrets": fresh.secrets,
              "fingerprints": fresh.fingerprints, "costs": costs}  # fmt: skip
    await session.execute(PUT, values)
    await batches.count(session, batch_id, len(fresh.ids), fresh.ids[0], fresh.ids[-1])
    return batch_id


def _shares(cents: int, cards: int) -> Sequence[int]:
    """What each card has cost, so that together they have cost all of it."""
    each, over = divmod(cents, cards)
    return [each + 1] * over + [each] * (cards - over)


async def settle(runtime: Runtime, session: AsyncSession, reference: str, verdict: Verdict) -> Replenishment:
    """Ends an order that its supplier gives no clear answer about, as a person says. Raises `ReplenishmentGone`,
    `NotStuck`, and `Invalid` for cards that cannot be right."""
    asked = await queries.find(session, reference)
    if not is_stuck(asked):
        raise NotStuck
    supplier = await supplier_queries.supplier(session, asked.supplier_id or 0)
    answer = Answer(Outcome.FAILED, verdict.supplier_order_no, fault=Fault.REFUSED, detail=BY_HAND)
    if verdict.cards:
        outcome = Outcome.DELIVERED if len(verdict.cards) == asked.quantity else Outcome.PARTIAL
        answer = Answer(outcome, verdict.supplier_order_no, verdict.cards, verdict.cost_cents, detail=BY_HAND)
        answer = checking.checked(_order(asked), answer)
    if answer.outcome is Outcome.UNKNOWN:
        raise Invalid({"cards": "These cannot be what was ordered: count the lines, and look for doubles."})
    if await _record(runtime, session, asked, supplier.name, answer) == "unknown":
        raise Invalid({"cards": "Some of these cards were sold before, or lie in your stock."})
    return await queries.find(session, reference)


def is_stuck(asked: Replenishment) -> bool:
    """Whether a person may settle it."""
    return asked.is_open and asked.submitted_at is not None and clock.now() - asked.submitted_at >= PERSON_AFTER


async def wake(session: AsyncSession, supplier_id: int, reference: str) -> bool:
    """Has a replenishment asked about at once, because its supplier has called."""
    found = await session.scalar(OF_SUPPLIER, {"reference": reference, "supplier": supplier_id})
    if found is not None:
        await outbox.record(session, ReplenishmentAsked(found))
    return found is not None


async def send_stranded(session: AsyncSession) -> int:
    """Sends again for orders that no letter is under way for. Returns how many."""
    found = list((await session.execute(STRANDED)).scalars())
    for replenishment_id in found:
        await outbox.record(session, ReplenishmentAsked(replenishment_id))
    return len(found)
