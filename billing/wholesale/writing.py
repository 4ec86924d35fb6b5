"""Writing prices: the only place that changes them, and each change leaves a line in the history. Master session.

Writers take turns by one lock, so that what a line finds before it is what the line before has left.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries, rules
from billing.wholesale.change_lines import Line, Value, to_json
from billing.wholesale.errors import SpecialGone, SpecialOverlaps
from kameng.infra import outbox
from kameng.infra.db import sqlstate
from kameng.infra.outbox import Event

EXCLUSION_VIOLATION = "23P01"
SYSTEM = "system"

TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('wholesale prices', 0))")
OF_TIERS = text(
    """
    SELECT p.tier_id, p.good_id, p.price, p.rule, p.is_default, p.min_resale
    FROM unnest(CAST(:tiers AS int[]), CAST(:goods AS bigint[])) AS wanted (tier_id, good_id)
    JOIN tier_prices p USING (tier_id, good_id)
    """
)
FLOORS = text("SELECT id, min_resale FROM goods WHERE id = ANY(:goods)")
DEFAULTS = text("SELECT id, default_rule FROM tiers WHERE id = ANY(:tiers)")
SPECIALS = text(
    """
    SELECT id, price, valid_from, valid_until, note FROM special_prices
    WHERE id = ANY(:ids) AND (valid_until IS NULL OR valid_until > now())
    """
)
SET_TIER_PRICE = text(
    """
    INSERT INTO tier_prices (tier_id, good_id, price, rule, is_default, min_resale)
    VALUES (:tier_id, :good_id, :price, :rule, :is_default, :floor)
    ON CONFLICT (tier_id, good_id) DO UPDATE SET price = :price, rule = :rule, is_default = :is_default,
        min_resale = :floor, changed_at = now()
    """
)
# Where a default rule would price it again, the row stays and says that the good is not for this tier.
CLEAR_TIER_PRICE = text(
    """
    WITH kept AS (
        INSERT INTO tier_prices (tier_id, good_id, price)
        SELECT id, :good_id, NULL FROM tiers WHERE id = :tier_id AND default_rule <> ''
        ON CONFLICT (tier_id, good_id) DO UPDATE SET price = NULL, rule = '', is_default = false, min_resale = NULL,
            changed_at = now()
        RETURNING tier_id
    )
    DELETE FROM tier_prices WHERE tier_id = :tier_id AND good_id = :good_id AND NOT EXISTS (SELECT 1 FROM kept)
    """
)
SET_FLOOR = text("UPDATE goods SET min_resale = :floor WHERE id = :good_id")
SET_DEFAULT = text("UPDATE tiers SET default_rule = :rule WHERE id = :tier_id")
ADD_SPECIAL = text(
    """
    INSERT INTO special_prices (tenant_id, good_id, price, valid_from, valid_until, note, made_by)
    VALUES (:tenant_id, :good_id, :price, greatest(:starts, now()), :ends, :note, :actor) RETURNING id
    """
)
CHANGE_SPECIAL = text(
    """
    UPDATE special_prices SET price = :price, valid_until = :ends, note = :note
    WHERE id = :special_id AND (valid_until IS NULL OR valid_until > now())
    """
)
END_SPECIAL = text(
    """
    WITH over AS (DELETE FROM special_prices WHERE id = :special_id AND valid_from >= now() RETURNING id)
    UPDATE special_prices SET valid_until = now()
    WHERE id = :special_id AND (valid_until IS NULL OR valid_until > now()) AND NOT EXISTS (SELECT 1 FROM over)
    """
)
REMEMBER = text(
    """
    INSERT INTO price_history
        (change_id, kind, good_id, tier_id, tenant_id, special_id, before, after, actor, reason)
    VALUES (:change_id, :kind, :good_id, :tier_id, :tenant_id, :special_id, CAST(:before AS jsonb),
            CAST(:after AS jsonb), :actor, :reason)
    """
)
RULED = text(
    "SELECT tier_id, price, rule, is_default, min_resale FROM tier_prices WHERE good_id = :good AND rule <> ''"
)
UNPRICED_TIERS = text(
    """
    SELECT t.id, t.default_rule FROM tiers t WHERE t.default_rule <> ''
    AND NOT EXISTS (SELECT 1 FROM tier_prices p WHERE p.tier_id = t.id AND p.good_id = :good)
    AND EXISTS (SELECT 1 FROM goods g WHERE g.id = :good)
    """
)


class PricesChanged(Event, frozen=True):
    """Prices hold that did not before: those of a change set, or those of one good."""

    change_id: int = 0
    good_id: int = 0


async def take_turn(session: AsyncSession) -> None:
    """Waits until nobody else writes prices; until the commit."""
    await session.execute(TAKE_TURN)


async def found(session: AsyncSession, lines: Sequence[Line]) -> list[Line]:
    """The lines with what stands there now as `before`."""
    tiers = [line for line in lines if line.kind == "tier"]
    asked = {"tiers": [line.tier_id for line in tiers], "goods": [line.good_id for line in tiers]}
    known: dict[tuple[object, ...], Value] = {}
    if tiers:
        for row in await session.execute(OF_TIERS, asked):
            if row.price is not None:
                known["tier", row.good_id, row.tier_id, None, None] = Value(
                    price=row.price, rule=row.rule, is_default=row.is_default, floor=row.min_resale
                )
    if floors := [line.good_id for line in lines if line.kind == "floor"]:
        for row in await session.execute(FLOORS, {"goods": floors}):
            if row.min_resale is not None:
                known["floor", row.id, None, None, None] = Value(floor=row.min_resale)
    if defaults := [line.tier_id for line in lines if line.kind == "default"]:
        for row in await session.execute(DEFAULTS, {"tiers": defaults}):
            if row.default_rule:
                known["default", None, row.id, None, None] = Value(rule=row.default_rule)
    by_id: dict[int, Value] = {}
    if specials := [line.special_id for line in lines if line.special_id is not None]:
        for row in await session.execute(SPECIALS, {"ids": specials}):
            by_id[row.id] = Value(price=row.price, starts=row.valid_from, ends=row.valid_until, note=row.note)
    return [
        msgspec.structs.replace(
            line, before=by_id.get(line.special_id) if line.special_id is not None else known.get(line.target)
        )
        for line in lines
    ]


async def write(
    session: AsyncSession, lines: Sequence[Line], *, actor: str, reason: str = "", change_id: int | None = None
) -> None:
    """Makes the lines true and remembers them; default rules first. The caller has taken its turn, and has found what
    was before. Raises `SpecialOverlaps`, `SpecialGone`."""
    ordered = sorted(lines, key=lambda line: line.kind != "default")
    await _run(session, SET_DEFAULT, ((one, one.after or Value()) for one in ordered if one.kind == "default"))
    await _run(session, SET_TIER_PRICE, ((one, one.after) for one in ordered if one.kind == "tier" and one.after))
    await _run(session, CLEAR_TIER_PRICE, ((one, None) for one in ordered if one.kind == "tier" and not one.after))
    await _run(session, SET_FLOOR, ((one, one.after or Value()) for one in ordered if one.kind == "floor"))
    written = [await _special(session, line, actor) if line.kind == "special" else line for line in ordered]
    told = [
        {
            "change_id": change_id,
            **_keys(line),
            "before": to_json(line.before),
            "after": to_json(line.after),
            "actor": actor,
            "reason": reason,
        }
        for line in written
    ]
    if told:
        await session.execute(REMEMBER, told)


async def _run(session: AsyncSession, statement: Any, pairs: Iterable[tuple[Line, Value | None]]) -> None:
    values = [{**_keys(line), **(msgspec.structs.asdict(value) if value else {})} for line, value in pairs]
    if values:
        await session.execute(statement, values)


async def _special(session: AsyncSession, line: Line, actor: str) -> Line:
    """The line with the number of its special price."""
    if line.special_id is not None and line.before is None:
        raise SpecialGone
    if line.after is None:
        await session.execute(END_SPECIAL, _keys(line))
        return line
    good = (await queries.good_names(session, [line.good_id or 0])).get(line.good_id or 0, "")
    bound = {**_keys(line), **msgspec.structs.asdict(line.after), "actor": actor}
    try:
        if line.special_id is None:
            made = (await session.execute(ADD_SPECIAL, bound)).scalar_one()
            return msgspec.structs.replace(line, special_id=made)
        await session.execute(CHANGE_SPECIAL, bound)
    except IntegrityError as error:
        if sqlstate(error) != EXCLUSION_VIOLATION:
            raise
        raise SpecialOverlaps(field="starts", good=good) from error
    return line


def _keys(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "good_id": line.good_id,
        "tier_id": line.tier_id,
        "tenant_id": line.tenant_id,
        "special_id": line.special_id,
    }


async def follow_cost(session: AsyncSession, good_id: int) -> int:
    """Brings the prices that follow a rule to the good's cost of now, and prices it where a tier's default rule does.
    Returns how many prices changed. While nobody supplies the good, its last prices stay: nothing is sold by them."""
    await take_turn(session)
    cost = (await queries.costs(session, [good_id])).get(good_id)
    if cost is None:
        return 0
    lines: list[Line] = []
    for row in await session.execute(RULED, {"good": good_id}):
        before = Value(price=row.price, rule=row.rule, is_default=row.is_default, floor=row.min_resale)
        after = msgspec.structs.replace(before, price=rules.price_of(row.rule, cost))
        if after != before:
            lines.append(Line(kind="tier", good_id=good_id, tier_id=row.tier_id, before=before, after=after))
    for row in await session.execute(UNPRICED_TIERS, {"good": good_id}):
        value = Value(price=rules.price_of(row.default_rule, cost), rule=row.default_rule, is_default=True)
        lines.append(Line(kind="tier", good_id=good_id, tier_id=row.id, after=value))
    if lines:
        await write(session, lines, actor=SYSTEM)
        await outbox.record(session, PricesChanged(good_id=good_id))
    return len(lines)
