"""Working on what a person has to deliver. Master session; `suppliers.by_hand` tells the purchase what was settled."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import MAX_SECRET_LENGTH
from kameng.core.errors import Refused
from kameng.core.money import format_cents, total_cents
from kameng.infra.crypto import Sealer
from supplier_gateway.adapters.manual import queries
from supplier_gateway.adapters.manual.errors import TaskSettled, TaskTaken
from supplier_gateway.adapters.manual.models import ManualTask as ManualTask  # others name the type by this module

PLACE = "manual_tasks.cards"
CLAIM_LASTS_MINUTES = 30
# Whoever claims has it; a claim that is older than half an hour may be taken over.
CLAIM = text(
    """
    UPDATE manual_tasks SET claimed_by = :person, claimed_at = now()
    WHERE id = :id AND state = 'open' AND (claimed_by IN ('', :person)
        OR claimed_at < now() - make_interval(mins => :lasts)) RETURNING id
    """
)


class Delivery(Struct, frozen=True):
    """What a person hands over: `lines` of cards, or `units` of a top-up that are done. `in_part`: no more will
    come."""

    lines: Sequence[str] = ()
    units: int = 0
    cost_cents: int = 0
    message: str = ""
    in_part: bool = False


async def claim(session: AsyncSession, task_id: int, person: str) -> ManualTask:
    """Says who is at it. Raises `TaskGone`, `TaskSettled`, `TaskTaken`."""
    await session.execute(CLAIM, {"id": task_id, "person": person, "lasts": CLAIM_LASTS_MINUTES})
    task = await _open_task(session, task_id)
    if task.claimed_by != person:
        raise TaskTaken(person=task.claimed_by)
    return task


async def release(session: AsyncSession, task_id: int, person: str) -> ManualTask:
    """Somebody else may go on. Raises `TaskGone`, `TaskSettled`, `TaskTaken`."""
    task = await _workable(session, task_id, person)
    task.claimed_by, task.claimed_at = "", None
    await session.flush()
    return task


async def deliver(session: AsyncSession, sealer: Sealer, task_id: int, person: str, delivery: Delivery) -> ManualTask:
    """Hands over. Raises `Refused` at `lines`, `units` or `cost`, `TaskGone`, `TaskSettled`, `TaskTaken`."""
    task = await _workable(session, task_id, person)
    cards = [" ".join(line.split()) for line in delivery.lines if line.strip()] if task.kind == "cards" else []
    units = len(cards) if task.kind == "cards" else delivery.units
    _check_count(task, units, in_part=delivery.in_part)
    await _check_cards(session, sealer, task.reference, cards)
    most_cents = total_cents(task.max_unit_cost, units)
    if not 0 <= delivery.cost_cents <= most_cents:
        raise Refused("At most %(most)s: what the sale allows.", field="cost", most=format_cents(most_cents))
    task.cards = [sealer.seal(PLACE, f"{task.reference}:{place}", card) for place, card in enumerate(cards)]
    task.delivered_quantity, task.cost_cents, task.message = units, delivery.cost_cents, delivery.message
    task.settle("delivered" if units == task.quantity else "partial", person)
    await session.flush()
    return task


async def fail(session: AsyncSession, task_id: int, person: str, reason: str) -> ManualTask:
    """Nothing is delivered, definitely: the order goes on with another supplier, or is given back by rule. Raises
    `TaskGone`, `TaskSettled`, `TaskTaken`."""
    task = await _workable(session, task_id, person)
    task.reason = reason
    task.settle("failed", person)
    await session.flush()
    return task


def cards_of(sealer: Sealer, task: ManualTask) -> tuple[str, ...]:
    """What was delivered, in plain."""
    return tuple(sealer.open(PLACE, f"{task.reference}:{place}", card) for place, card in enumerate(task.cards))


async def _open_task(session: AsyncSession, task_id: int) -> ManualTask:
    task = await queries.task(session, task_id, lock=True)
    if task.state != "open":
        raise TaskSettled
    return task


async def _workable(session: AsyncSession, task_id: int, person: str) -> ManualTask:
    task = await _open_task(session, task_id)
    if task.claimed_by not in ("", person):
        raise TaskTaken(person=task.claimed_by)
    return task


def _check_count(task: ManualTask, units: int, *, in_part: bool) -> None:
    field = "lines" if task.kind == "cards" else "units"
    if units < 1:
        raise Refused("Fill this in.", field=field)
    if units > task.quantity:
        raise Refused(
            "These are %(units)s; the order is for %(quantity)s.", field=field, units=units, quantity=task.quantity
        )
    if units < task.quantity and not in_part:
        raise Refused(
            "These are %(units)s of %(quantity)s. Tick the box below if no more will come.",
            field=field,
            units=units,
            quantity=task.quantity,
        )


async def _check_cards(session: AsyncSession, sealer: Sealer, reference: str, cards: Sequence[str]) -> None:
    """Nobody gets a key that somebody has: said here, at the line, where it can be mended."""
    seen: dict[str, int] = {}
    for number, card in enumerate(cards, 1):
        if len(card) > MAX_SECRET_LENGTH:
            raise Refused("Line %(line)s is too long.", field="lines", line=number)
        if card in seen:
            raise Refused("Line %(line)s is the same as line %(other)s.", field="lines", line=number, other=seen[card])
        seen[card] = number
    by_print = {sealer.fingerprint(card): number for card, number in seen.items()}
    known = await queries.known(session, reference, list(by_print))
    if known:
        first = min(by_print[one] for one in known)
        raise Refused("Line %(line)s was sold before, or lies in the stock.", field="lines", line=first)
