"""Changes of prices as people make them: drafted, looked at, then applied at once or at a time. Master session.

A change set is applied once, whoever presses the button and however many workers keep the time: its state is changed by
the statement that asks for it. It is applied wholly or not at all.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import change_queries, queries, rules, writing
from billing.wholesale.change_lines import Line, Value, to_json
from billing.wholesale.errors import ChangeOver, NothingChanges, SellsAtLoss, TooEarly
from billing.wholesale.writing import PricesChanged
from kameng.core import clock
from kameng.core.errors import KamengError
from kameng.infra import outbox

DRAFT = text(
    """
    INSERT INTO price_changes (source, reason, made_by, allows_loss, reverts)
    VALUES (:source, :reason, :made_by, :allows_loss, :reverts) RETURNING id
    """
)
DRAFT_LINE = text(
    """
    INSERT INTO price_change_lines (change_id, line, kind, good_id, tier_id, tenant_id, special_id, before, after)
    VALUES (:change_id, :line, :kind, :good_id, :tier_id, :tenant_id, :special_id, CAST(:before AS jsonb),
            CAST(:after AS jsonb))
    """
)
END = text(
    """
    UPDATE price_changes SET state = :state, ended_by = :by, ended_at = now(), error = :error
    WHERE id = :id AND state = ANY(:sources) RETURNING id
    """
)
SCHEDULE = text(
    "UPDATE price_changes SET state = 'scheduled', apply_at = :at WHERE id = :id AND state = 'draft' RETURNING id"
)
# For the goods that a default rule prices, or would: those of the tier that follow it, and those without a price.
UNDER_DEFAULT = text(
    """
    SELECT g.id FROM goods g LEFT JOIN tier_prices p ON p.good_id = g.id AND p.tier_id = :tier
    WHERE g.state = 'active' AND (p.tier_id IS NULL OR p.is_default) ORDER BY g.id
    """
)
OPEN = ("draft", "scheduled")


class Loss(Struct, frozen=True):
    """A line whose price is below the good's cost, in yuan. `line` counts from 0."""

    line: int
    good_id: int
    price: Decimal
    cost: Decimal


class Why(Struct, frozen=True):
    """A refusal as it is kept: its msgid, and what fills its places."""

    message: str
    params: dict[str, str]


async def resolved(session: AsyncSession, lines: Sequence[Line]) -> list[Line]:
    """The lines with their rules worked out at the costs of now, and with what stands there now."""
    costs = await queries.costs(session, [line.good_id for line in lines if line.good_id])
    ready = []
    for line in lines:
        if line.kind == "tier" and line.after and line.after.rule:
            price = rules.price_of(line.after.rule, costs.get(line.good_id or 0)) or line.after.price
            line = msgspec.structs.replace(line, after=msgspec.structs.replace(line.after, price=price))
        ready.append(line)
    return await writing.found(session, ready)


async def losses(session: AsyncSession, lines: Sequence[Line]) -> list[Loss]:
    """Those of the lines that would sell below cost. A line that lowers nothing is no new loss."""
    costs = await queries.costs(session, [line.good_id for line in lines if line.good_id])
    return [
        Loss(number, line.good_id, line.after.price, cost)
        for number, line in enumerate(lines)
        if line.good_id and line.after and line.after.price is not None
        if (cost := costs.get(line.good_id)) is not None and line.after.price < cost
        if line.before is None or line.before.price is None or line.after.price != line.before.price
    ]


async def draft(
    session: AsyncSession,
    lines: Sequence[Line],
    *,
    source: str,
    reason: str,
    by: str,
    allows_loss: bool = False,
    reverts: int | None = None,
) -> int:
    """Keeps a change set to be looked at; returns its number. `source`: form, list, special, default or revert.

    Lines that change nothing are left out. Raises `NothingChanges`, and `SellsAtLoss` unless `allows_loss`.
    """
    ready = await resolved(session, [*lines, *await _under_default(session, lines)])
    changing = [line for line in ready if line.after != line.before]
    if not changing:
        raise NothingChanges
    if not allows_loss:
        await _refuse_losses(session, changing)
    values = {"source": source, "reason": reason, "made_by": by, "allows_loss": allows_loss, "reverts": reverts}
    change_id = int((await session.execute(DRAFT, values)).scalar_one())
    told = [
        {
            "change_id": change_id,
            "line": number,
            "kind": line.kind,
            "good_id": line.good_id,
            "tier_id": line.tier_id,
            "tenant_id": line.tenant_id,
            "special_id": line.special_id,
            "before": to_json(line.before),
            "after": to_json(line.after),
        }
        for number, line in enumerate(changing, start=1)
    ]
    await session.execute(DRAFT_LINE, told)
    return change_id


async def _under_default(session: AsyncSession, lines: Sequence[Line]) -> list[Line]:
    """What a new default rule makes of the goods under it, one line each, so that all prices can be seen. Without a
    rule they are not offered any more."""
    named = {(line.tier_id, line.good_id) for line in lines if line.kind == "tier"}
    more: list[Line] = []
    for line in lines:
        if line.kind != "default":
            continue
        rule = line.after.rule if line.after else ""
        goods = [row.id for row in await session.execute(UNDER_DEFAULT, {"tier": line.tier_id})]
        costs = await queries.costs(session, goods)
        for good in goods:
            price = rules.price_of(rule, costs.get(good)) if rule else None
            value = None if price is None else Value(price=price, rule=rule, is_default=True)
            if (line.tier_id, good) not in named and (value is not None or not rule):
                more.append(Line(kind="tier", tier_id=line.tier_id, good_id=good, after=value))
    if not more:
        return []
    kept = {one.target: one.before for one in await writing.found(session, more)}
    return [_with_floor(line, kept[line.target]) for line in more]


def _with_floor(line: Line, before: Value | None) -> Line:
    if line.after is None or before is None:
        return line
    return msgspec.structs.replace(line, after=msgspec.structs.replace(line.after, floor=before.floor))


async def _refuse_losses(session: AsyncSession, lines: Sequence[Line]) -> None:
    if found := await losses(session, lines):
        first = found[0]
        names = await queries.good_names(session, [first.good_id])
        raise SellsAtLoss(
            good=names.get(first.good_id, str(first.good_id)), cost=_yuan(first.cost), price=_yuan(first.price)
        )


def _yuan(price: Decimal) -> str:
    places = max(2, -int(price.normalize().as_tuple().exponent))
    return f"¥{price:,.{places}f}"


async def apply(session: AsyncSession, change_id: int, by: str) -> Sequence[Line]:
    """Makes a draft or scheduled change set true, rules at the costs of now; returns its lines. Once: raises
    `ChangeOver` the second time. Raises `ChangeGone`, `SellsAtLoss` when costs have risen above a price since it was
    drafted, `SpecialOverlaps`, `SpecialGone`; then nothing is changed."""
    await writing.take_turn(session)
    await _end(session, change_id, "applied", by, OPEN)
    change = await change_queries.change(session, change_id)
    drafted = await change_queries.lines(session, change_id)
    lines = await resolved(session, [*drafted, *await _under_default(session, drafted)])
    changing = [line for line in lines if line.after != line.before]
    if not change.allows_loss:
        await _refuse_losses(session, changing)
    await writing.write(session, changing, actor=change.made_by, reason=change.reason, change_id=change_id)
    await outbox.record(session, PricesChanged(change_id=change_id))
    return changing


async def schedule(session: AsyncSession, change_id: int, at: datetime) -> None:
    """Has a draft applied at `at`. Raises `TooEarly`, `ChangeOver`, `ChangeGone`."""
    if at <= clock.now():
        raise TooEarly(field="apply_at")
    if (await session.execute(SCHEDULE, {"id": change_id, "at": at})).scalar_one_or_none() is None:
        await change_queries.change(session, change_id)
        raise ChangeOver


async def discard(session: AsyncSession, change_id: int, by: str) -> None:
    """Drops a draft. Raises `ChangeOver`, `ChangeGone`."""
    await _end(session, change_id, "discarded", by, ["draft"])


async def cancel(session: AsyncSession, change_id: int, by: str) -> None:
    """Takes a scheduled change back before its time. Raises `ChangeOver`, `ChangeGone`."""
    await _end(session, change_id, "cancelled", by, ["scheduled"])


async def fail(session: AsyncSession, change_id: int, refusal: KamengError) -> None:
    """Remembers why a scheduled change could not be applied, so that each reader is told in his language."""
    why = msgspec.json.encode(Why(refusal.message, {name: str(said) for name, said in refusal.params.items()}))
    await _end(session, change_id, "failed", writing.SYSTEM, ["scheduled"], why.decode())


async def _end(
    session: AsyncSession, change_id: int, state: str, by: str, sources: Sequence[str], error: str = ""
) -> None:
    values = {"id": change_id, "state": state, "by": by, "sources": list(sources), "error": error}
    if (await session.execute(END, values)).scalar_one_or_none() is None:
        await change_queries.change(session, change_id)
        raise ChangeOver


async def revert(session: AsyncSession, change_id: int, reason: str, by: str, *, allows_loss: bool = False) -> int:
    """Drafts the change that brings back what an applied one has replaced; returns its number. Raises `ChangeGone`,
    `ChangeOver` unless it is applied, `NothingChanges`, `SellsAtLoss`."""
    change = await change_queries.change(session, change_id)
    if change.state != "applied":
        raise ChangeOver
    lines = [_back(line) for line in await change_queries.written(session, change_id)]
    kept = [line for line in lines if line is not None]
    if not kept:
        raise NothingChanges
    return await draft(session, kept, source="revert", reason=reason, by=by, allows_loss=allows_loss, reverts=change_id)


def _back(line: Line) -> Line | None:
    """The opposite of a line that was written; None where there is nothing to bring back."""
    before, after, now = line.before, line.after, clock.now()
    if line.kind == "special":
        if before is None:  # it was new: end it, unless its time is over
            is_over = after is not None and after.ends is not None and after.ends <= now
            return None if is_over else msgspec.structs.replace(line, before=None, after=None)
        if before.ends is not None and before.ends <= now:
            return None
        if after is None:  # it was ended: give it again
            again = msgspec.structs.replace(before, starts=max(before.starts or now, now))
            return msgspec.structs.replace(line, special_id=None, before=None, after=again)
    return msgspec.structs.replace(line, before=None, after=before)
