"""Changes of prices: kept, applied once, rolled back. Tenant session; whoever writes has taken his turn
(`settings.take_turn`)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.pricing import ladders
from tenants.pricing.errors import SetDecided, SetGone
from tenants.pricing.ladders import Moved

SYSTEM = "system"
Waiting = Literal["draft", "held"]

# Only what still costs what it did when the change was worked out: a price that a person has set since stays.
CHANGE = text(
    """
    UPDATE products p SET price = line.new, changed_at = :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:olds AS numeric[]), CAST(:news AS numeric[])) AS line (id, old, new)
    WHERE p.id = line.id AND p.price = line.old AND p.archived_at IS NULL RETURNING p.id
    """
)
OURS = text("SELECT set_config('kameng.repricing', :who, true)")
REMEMBER = text(
    """
    INSERT INTO product_prices (product_id, at, old_price, new_price, source, set_id, reason, actor)
    SELECT line.id, :now, line.old, line.new, :source, :set_id, CAST(line.reason AS jsonb), :actor
    FROM unnest(CAST(:ids AS bigint[]), CAST(:olds AS numeric[]), CAST(:news AS numeric[]), CAST(:reasons AS text[]))
        AS line (id, old, new, reason)
    """
)
ADD = text(
    """
    INSERT INTO price_sets
        (kind, state, cause, lines, line_count, of_count, made_by, created_at, decided_by, decided_at, undoes)
    VALUES
        (:kind, :state, :cause, CAST(:lines AS jsonb), :count, :of, :made_by, :now, :decided_by, :decided_at, :undoes)
    RETURNING id
    """
)
KEEP = text(
    "UPDATE price_sets SET lines = CAST(:lines AS jsonb), line_count = :count, of_count = :of, simulation = NULL"
    " WHERE id = :id"
)
OPEN = text("SELECT id, lines FROM price_sets WHERE state = :state FOR UPDATE")
DECIDE = text(
    """
    UPDATE price_sets SET state = :state, decided_by = :actor, decided_at = :now, lines = CAST(:lines AS jsonb),
        line_count = :count
    WHERE id = :id AND state IN ('draft', 'held')
    """
)
COLUMNS = (
    "id, kind, state, cause, line_count, of_count, simulation, made_by, decided_by, created_at, decided_at, undoes"
)
ONE = text(f"SELECT {COLUMNS}, lines FROM price_sets WHERE id = :id")  # noqa: S608 - a constant
# For `kameng.web.paging.of_sql`.
LIST = f"SELECT {COLUMNS} FROM price_sets WHERE (:state = '' OR state = :state) ORDER BY created_at DESC, id DESC"  # noqa: S608
WAITING = text(
    f"SELECT {COLUMNS} FROM price_sets WHERE state IN ('draft', 'held') ORDER BY state DESC"  # noqa: S608 - a constant
)
SIMULATED = text("UPDATE price_sets SET simulation = CAST(:result AS jsonb) WHERE id = :id")


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a price changes. `code`: rule, step, drift, floor, or rollback; `kind` is the rule's; `wanted` what it aims
    at, `market` the competitor's price, `feed` whose it is, `cost` the wholesale price, `floor` the least price and
    `bound` what makes it the least. Prices in yuan."""

    code: str
    kind: str = ""
    rule_id: int | None = None
    wanted: Decimal | None = None
    market: Decimal | None = None
    feed: str = ""
    cost: Decimal | None = None
    floor: Decimal | None = None
    bound: str = ""


class Line(Struct, frozen=True):
    """One price of a set, in yuan."""

    product_id: int
    old: Decimal
    new: Decimal
    reason: Reason


class Head(Struct, frozen=True):
    """A set without its lines. `kind`: run or rollback; `state`: draft, held, applied, discarded."""

    id: int
    kind: str
    state: str
    cause: str
    line_count: int
    of_count: int
    simulation: dict[str, Any] | None
    made_by: str
    decided_by: str
    created_at: datetime
    decided_at: datetime | None
    undoes: int | None

    @property
    def is_waiting(self) -> bool:
        return self.state in ("draft", "held")


class Set(Struct, frozen=True):
    head: Head
    lines: Sequence[Line]


async def one(session: AsyncSession, set_id: int) -> Set:
    """Raises `SetGone`."""
    row = (await session.execute(ONE, {"id": set_id})).one_or_none()
    if row is None:
        raise SetGone
    return Set(Head(*row[:-1]), msgspec.convert(row.lines, list[Line]))


async def waiting(session: AsyncSession) -> Sequence[Head]:
    """What waits for a decision: at most one that was stopped, first, and one draft."""
    return [Head(*row) for row in await session.execute(WAITING)]


async def open_lines(session: AsyncSession, state: Waiting) -> tuple[int | None, list[Line]]:
    """The draft, or what is held: its number and its lines."""
    row = (await session.execute(OPEN, {"state": state})).one_or_none()
    return (None, []) if row is None else (row.id, msgspec.convert(row.lines, list[Line]))


async def put_aside(
    session: AsyncSession,
    state: Waiting,
    lines: Sequence[Line],
    *,
    looked_at: frozenset[int],
    of: int,
    cause: str,
    by: str,
    now: datetime,
) -> int | None:
    """Has lines wait for a decision, in the place of what waited for the products that were `looked_at` now. A set
    that is left without lines is discarded. Returns the set's number."""
    set_id, before = await open_lines(session, state)
    kept = sorted([*(line for line in before if line.product_id not in looked_at), *lines], key=_product)
    if set_id is None:
        return await _add(session, state, kept, of=of, cause=cause, by=by, now=now) if kept else None
    if not kept:
        await decide(session, set_id, "discarded", [], SYSTEM, now)
        return None
    if kept != before:
        await session.execute(KEEP, {"id": set_id, "lines": _json(kept), "count": len(kept), "of": of})
    return set_id


async def carry_out(
    session: AsyncSession,
    lines: Sequence[Line],
    *,
    cause: str,
    by: str,
    now: datetime,
    of: int = 0,
    kind: str = "run",
    undoes: int | None = None,
) -> tuple[int, list[Line]]:
    """Applies lines as a set of their own: its number, and the lines that were still true."""
    set_id = await _add(session, "applied", lines, of=of, cause=cause, by=by, now=now, kind=kind, undoes=undoes)
    return set_id, await write(session, set_id, lines, "rollback" if kind == "rollback" else "rule", by, now)


async def write(
    session: AsyncSession, set_id: int, lines: Sequence[Line], source: str, by: str, now: datetime
) -> list[Line]:
    """Makes the lines true that still are possible, and remembers them; returns these."""
    columns: dict[str, Any] = {
        "ids": [line.product_id for line in lines],
        "olds": [line.old for line in lines],
        "news": [line.new for line in lines],
        "now": now,
    }
    await session.execute(OURS, {"who": "on"})
    done = {row.id for row in await session.execute(CHANGE, columns)}
    await session.execute(OURS, {"who": ""})
    written = [line for line in lines if line.product_id in done]
    await ladders.move(session, [_moved(line) for line in written])
    await session.execute(
        REMEMBER,
        {
            "ids": [line.product_id for line in written],
            "olds": [line.old for line in written],
            "news": [line.new for line in written],
            "reasons": [msgspec.json.encode(line.reason).decode() for line in written],
            "now": now, "source": source, "set_id": set_id, "actor": by,
        },
    )  # fmt: skip
    return written


async def decide(
    session: AsyncSession, set_id: int, state: str, lines: Sequence[Line], actor: str, now: datetime
) -> None:
    """Ends the waiting, once. `lines` are what is left of it. Raises `SetDecided`."""
    said = {"id": set_id, "state": state, "actor": actor, "now": now, "lines": _json(lines), "count": len(lines)}
    done = await session.execute(DECIDE, said)
    if getattr(done, "rowcount", 0) != 1:
        raise SetDecided


async def keep_simulation(session: AsyncSession, set_id: int, result: Struct) -> None:
    await session.execute(SIMULATED, {"id": set_id, "result": msgspec.json.encode(result).decode()})


async def _add(
    session: AsyncSession,
    state: str,
    lines: Sequence[Line],
    *,
    of: int,
    cause: str,
    by: str,
    now: datetime,
    kind: str = "run",
    undoes: int | None = None,
) -> int:
    is_done = state == "applied"
    added = await session.execute(
        ADD,
        {
            "kind": kind, "state": state, "cause": cause, "lines": _json(lines), "count": len(lines), "of": of,
            "made_by": by, "now": now, "decided_by": by if is_done else "", "decided_at": now if is_done else None,
            "undoes": undoes,
        },
    )  # fmt: skip
    return int(added.scalar_one())


def _json(lines: Sequence[Line]) -> str:
    return msgspec.json.encode(lines).decode()


def _moved(line: Line) -> Moved:
    return Moved(line.product_id, line.old, line.new, line.reason.floor or Decimal(0))


def _product(line: Line) -> int:
    return line.product_id
