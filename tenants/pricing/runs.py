"""Runs: prices are worked out anew and changed, or wait for a decision. Tenant session; nothing here commits."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event
from tenants.notices import service as notices
from tenants.pricing import ladders, proposals, queries, sets, settings
from tenants.pricing.errors import NothingToUndo, SetDecided
from tenants.pricing.ladders import Moved
from tenants.pricing.proposals import Proposal
from tenants.pricing.sets import SYSTEM, Line, Reason

# What a sale checks: the least that a unit is paid for in the end.
WRITE_FLOORS = text(
    """
    UPDATE products p SET floor_price = nullif(line.floor, 0)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:floors AS numeric[])) AS line (id, floor)
    WHERE p.id = line.id AND p.floor_price IS DISTINCT FROM nullif(line.floor, 0)
    """
)
CLEAR_FLOORS = text("UPDATE products SET floor_price = NULL WHERE id = ANY(:ids) AND floor_price IS NOT NULL")
# Of each product what it cost before the first change that is undone; whose last change was a person's stays.
OF_SET = text(
    """
    SELECT h.product_id, h.old_price AS back_to FROM product_prices h
    WHERE h.set_id = :set_id AND h.old_price IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM product_prices later
        WHERE later.product_id = h.product_id AND (later.at, later.id) > (h.at, h.id))
    """
)
SINCE = text(
    """
    SELECT DISTINCT ON (h.product_id) h.product_id, h.old_price AS back_to FROM product_prices h
    WHERE h.at >= :since AND h.source = 'rule' AND h.old_price IS NOT NULL
        AND 'hand' <> (SELECT last.source FROM product_prices last WHERE last.product_id = h.product_id
                       ORDER BY last.at DESC, last.id DESC LIMIT 1)
    ORDER BY h.product_id, h.at, h.id
    """
)


COST = "cost"  # the cause of a run that a change of wholesale prices sets off


class SimulationWanted(Event, frozen=True):
    """A change of prices waits, and somebody will want to know what it would have done."""

    set_id: int


class Ran(Struct, frozen=True, kw_only=True):
    """What a run came to. `applied` are the changes that hold now; `held` and `draft` number what waits."""

    looked_at: int
    applied: Sequence[Line] = ()
    set_id: int | None = None
    held: int | None = None
    draft: int | None = None


async def run(
    session: AsyncSession,
    now: datetime,
    cause: str,
    *,
    by: str = SYSTEM,
    products: Sequence[int] = (),
    goods: Sequence[int] = (),
    everything: bool = False,
) -> Ran:
    """Works the prices of these products, those of these goods, or all out anew. Run again with nothing new it changes
    nothing.

    What is below its floor under an automatic rule is lifted at once. The other changes of automatic rules hold at
    once too, unless they are too many: then they wait, and so does all that comes before the owner has decided. What
    rules that are not automatic want is a draft."""
    set_to = await settings.take_turn(session)
    found = await proposals.of_products(
        session, set_to, now, products=products, goods=goods, everything=everything, costs_changed=cause == COST
    )
    await _write_floors(session, found)
    looked_at = frozenset(one.product.id for one in found)
    lines = [(one, line) for one in found if (line := one.line)]
    by_itself = [(one, line) for one, line in lines if one.rule.is_automatic and set_to.is_automatic]
    lifts = [line for one, line in by_itself if one.is_lift]
    moves = [line for one, line in by_itself if not one.is_lift]
    held_id, _ = await sets.open_lines(session, "held")
    of = await _governed(session) if moves or held_id else 0
    stopped = bool(moves) and (held_id is not None or set_to.stops(len(moves), of))
    held = await sets.put_aside(
        session, "held", moves if stopped else [], looked_at=looked_at, of=of, cause=cause, by=by, now=now
    )
    by_hand = [(one, line) for one, line in lines if not (one.rule.is_automatic and set_to.is_automatic)]
    rest = [line for _, line in by_hand]
    draft = await sets.put_aside(
        session, "draft", rest, looked_at=looked_at, of=of or await _governed(session) if rest else 0,
        cause=cause, by=by, now=now,
    )  # fmt: skip
    if held is not None and held_id is None:
        await notices.tell(session, "pricing_held", str(held), moves=len(moves), of=of)
    if unsold := sum(one.is_lift for one, _ in by_hand):
        await notices.tell(session, "pricing_below_floor", str(draft), count=unsold)
    await _want_simulations(session, held, draft)
    at_once = [*lifts, *([] if stopped else moves)]
    if not at_once:
        return Ran(looked_at=len(found), held=held, draft=draft)
    set_id, applied = await sets.carry_out(session, at_once, cause=cause, by=by, now=now, of=of)
    return Ran(looked_at=len(found), applied=applied, set_id=set_id, held=held, draft=draft)


async def approve(session: AsyncSession, set_id: int, by: str, now: datetime) -> list[Line]:
    """Applies what waits, as far as it is still true: a price that was changed since stays, and one that would now be
    below its floor becomes the floor. Returns the changes. Raises `SetGone`, `SetDecided`."""
    set_to = await settings.take_turn(session)
    waiting = await sets.one(session, set_id)
    if not waiting.head.is_waiting:
        raise SetDecided
    numbers = [line.product_id for line in waiting.lines]
    now_found = {one.product.id: one for one in await proposals.of_products(session, set_to, now, products=numbers)}
    await _write_floors(session, list(now_found.values()))
    lines = [_above_floor(line, now_found.get(line.product_id)) for line in waiting.lines]
    written = await sets.write(session, set_id, [line for line in lines if line.new != line.old], "rule", by, now)
    await sets.decide(session, set_id, "applied", written, by, now)
    return written


async def discard(session: AsyncSession, set_id: int, by: str, now: datetime) -> None:
    """Drops what waits; the next run works it out anew. Raises `SetGone`, `SetDecided`."""
    await settings.take_turn(session)
    waiting = await sets.one(session, set_id)
    await sets.decide(session, set_id, "discarded", waiting.lines, by, now)


async def roll_back(
    session: AsyncSession, by: str, now: datetime, *, set_id: int | None = None, since: datetime | None = None
) -> list[Line]:
    """Takes the changes of a set back, or all that rules have made since a moment, and has automatic rules only make
    drafts until they are switched on again: else they would do the same at once. What a person has priced since stays,
    and nothing goes below its floor. Raises `SetGone`, `NothingToUndo`."""
    set_to = await settings.take_turn(session)
    if set_id is not None:
        await sets.one(session, set_id)
        rows = await session.execute(OF_SET, {"set_id": set_id})
    else:
        rows = await session.execute(SINCE, {"since": since})
    back = {row.product_id: row.back_to for row in rows}
    current = {one.id: one.price for one in await queries.products(session, products=list(back))}
    found = {one.product.id: one for one in await proposals.of_products(session, set_to, now, products=list(back))}
    await _write_floors(session, list(found.values()))
    lines = [
        _above_floor(Line(product_id, current[product_id], price, Reason(code="rollback")), found.get(product_id))
        for product_id, price in sorted(back.items())
        if product_id in current
    ]
    lines = [line for line in lines if line.new != line.old]
    if not lines:
        raise NothingToUndo
    await settings.keep(session, structs.replace(set_to, is_automatic=False))
    _, written = await sets.carry_out(
        session, lines, cause="rollback", by=by, now=now, kind="rollback", undoes=set_id
    )  # fmt: skip
    return written


async def release_floors(session: AsyncSession, products: Sequence[int]) -> None:
    """For products that no rule governs any more."""
    await session.execute(CLEAR_FLOORS, {"ids": list(products)})


async def governed(session: AsyncSession) -> set[int]:
    """The products whose price a rule decides."""
    book = await queries.book(session)
    found = await queries.products(session, everything=True)
    return {one.id for one in found if book.rule_of(one.id, one.variant_of, one.category_id)}


async def _governed(session: AsyncSession) -> int:
    return len(await governed(session))


def _above_floor(line: Line, proposal: Proposal | None) -> Line:
    if proposal is None or line.new >= proposal.floor.price:
        return line
    floor = proposal.floor
    reason = structs.replace(line.reason, code="floor", floor=floor.price, bound=floor.because, cost=proposal.cost)
    return structs.replace(line, new=proposal.rule.terms.grid.up(floor.price), reason=reason)


async def _write_floors(session: AsyncSession, found: Sequence[Proposal]) -> None:
    if found:
        said = {"ids": [one.product.id for one in found], "floors": [one.floor.paid for one in found]}
        await session.execute(WRITE_FLOORS, said)
        await ladders.move(session, [_in_place(one) for one in found])


def _in_place(proposal: Proposal) -> Moved:
    one = proposal.product
    return Moved(one.id, one.price, one.price, proposal.floor.price)


async def _want_simulations(session: AsyncSession, *numbers: int | None) -> None:
    for set_id in numbers:
        if set_id is not None and (await sets.one(session, set_id)).head.simulation is None:
            await outbox.record(session, SimulationWanted(set_id))
