"""Reading catalogues, runs and held costs. Master session."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.catalogue.errors import ArticleGone, RunGone
from supplier_gateway.goods.queries import fold

MOST_WEIGHED = 5_000

ARTICLE = """
    SELECT g.supplier_id, s.name AS supplier, g.sku, g.name, g.cost, g.stock, g.kind, g.category, g.ignored,
           g.first_seen, g.vanished_at, o.good_id
    FROM supplier_goods g JOIN suppliers s ON s.id = g.supplier_id
    LEFT JOIN LATERAL (SELECT min(o.good_id) AS good_id FROM offers o
                       WHERE o.supplier_id = g.supplier_id AND o.sku = g.sku) o ON true
"""
# For `kameng.web.paging.of_sql`.
ARTICLES = (
    ARTICLE
    + """
    WHERE (:words = '' OR g.name ILIKE :pattern OR g.sku ILIKE :pattern OR g.category ILIKE :pattern)
    AND (CAST(:supplier AS int) IS NULL OR g.supplier_id = :supplier)
    AND CASE :state WHEN 'new' THEN o.good_id IS NULL AND NOT g.ignored AND g.vanished_at IS NULL
                    WHEN 'adopted' THEN o.good_id IS NOT NULL WHEN 'ignored' THEN g.ignored
                    WHEN 'vanished' THEN g.vanished_at IS NOT NULL ELSE true END
    ORDER BY g.first_seen DESC, g.supplier_id, g.sku
    """
)
ONE = text(ARTICLE + " WHERE g.supplier_id = :supplier AND g.sku = :sku")
RUN_COLUMNS = """
    SELECT r.id, r.supplier_id, s.name AS supplier, r.state, r.pages, r.seen, r.expected, r.fresh, r.changed,
           r.vanished, r.returned, r.held, r.unreadable, r.error, r.made_by, r.started_at, r.finished_at
    FROM sync_runs r JOIN suppliers s ON s.id = r.supplier_id
"""
RUNS = RUN_COLUMNS + " WHERE (CAST(:supplier AS int) IS NULL OR r.supplier_id = :supplier) ORDER BY r.id DESC"
RUN = text(RUN_COLUMNS + " WHERE r.id = :id")
REPORT = text("SELECT report FROM sync_runs WHERE id = :id")
HELD_RUNS = text(RUN_COLUMNS + " WHERE r.state = 'held' ORDER BY r.id")
LOST = text(
    """
    SELECT g.sku, g.name, g.cost FROM supplier_goods g JOIN sync_runs r ON r.id = :run AND r.supplier_id = g.supplier_id
    WHERE g.vanished_at IS NULL AND NOT EXISTS (SELECT 1 FROM sync_lines l WHERE l.run_id = r.id AND l.sku = g.sku)
    ORDER BY g.sku LIMIT 200
    """
)
# For `kameng.web.paging.of_sql`.
HELD_COSTS = """
    SELECT o.id, o.good_id, g.name AS good, s.name AS supplier, o.sku, o.cost, o.held_cost, o.held_at, o.state,
           (SELECT min(p.price) FROM tier_prices p WHERE p.good_id = o.good_id) AS cheapest
    FROM offers o JOIN goods g ON g.id = o.good_id JOIN suppliers s ON s.id = o.supplier_id
    WHERE o.held_cost IS NOT NULL AND (:words = '' OR g.name ILIKE :pattern OR s.name ILIKE :pattern)
    ORDER BY o.held_at DESC, o.id
"""
TO_DECIDE = text(
    "SELECT (SELECT count(*) FROM offers WHERE held_cost IS NOT NULL) AS costs,"
    " (SELECT count(*) FROM sync_runs WHERE state = 'held') AS runs"
)
TERMS = text(
    "SELECT id, name, sync_minutes, jump_percent, vanish_percent, calls_a_minute, sync_next_at FROM suppliers"
    " WHERE id = :id AND protocol <> 'stock'"
)
NAMES = text("SELECT id, name FROM goods WHERE kind = :kind AND state = 'active' ORDER BY id DESC LIMIT :limit")


class Article(Struct, frozen=True):
    """One line of a supplier's catalogue. `good_id`: the good that is offered by it; `cost` in yuan for one unit."""

    supplier_id: int
    supplier: str
    sku: str
    name: str
    cost: Decimal
    stock: int | None
    kind: str
    category: str
    ignored: bool
    first_seen: datetime
    vanished_at: datetime | None
    good_id: int | None

    @property
    def key(self) -> str:
        """As a form names it."""
        return f"{self.supplier_id}:{self.sku}"

    @property
    def state(self) -> str:
        if self.vanished_at is not None:
            return "vanished"
        if self.good_id is not None:
            return "adopted"
        return "ignored" if self.ignored else "new"


class Run(Struct, frozen=True):
    """A reading of a catalogue. `expected` articles were there before, `seen` so far."""

    id: int
    supplier_id: int
    supplier: str
    state: str
    pages: int
    seen: int
    expected: int
    fresh: int
    changed: int
    vanished: int
    returned: int
    held: int
    unreadable: int
    error: str
    made_by: str
    started_at: datetime
    finished_at: datetime | None

    @property
    def percent(self) -> int | None:
        """How far it is; None when nobody can know."""
        return min(99, self.seen * 100 // self.expected) if self.expected else None


class HeldCost(Struct, frozen=True):
    """A cost that waits for a person. `cheapest` is the least wholesale price of a tier."""

    id: int
    good_id: int
    good: str
    supplier: str
    sku: str
    cost: Decimal
    held_cost: Decimal
    held_at: datetime
    state: str
    cheapest: Decimal | None

    @property
    def percent(self) -> int | None:
        return int((self.held_cost - self.cost) * 100 / self.cost) if self.cost else None

    @property
    def is_loss(self) -> bool:
        return self.cheapest is not None and self.held_cost >= self.cheapest


class Terms(Struct, frozen=True):
    """How a supplier's catalogue is read."""

    id: int
    name: str
    sync_minutes: int
    jump_percent: Decimal
    vanish_percent: int
    calls_a_minute: int
    sync_next_at: datetime


def article(row: Any) -> Article:
    """A row of `ARTICLES`."""
    return Article(*row)


def run_of(row: Any) -> Run:
    """A row of `RUNS`."""
    return Run(*row)


def held_cost(row: Any) -> HeldCost:
    """A row of `HELD_COSTS`."""
    return HeldCost(*row)


async def find(session: AsyncSession, supplier_id: int, sku: str) -> Article:
    """Raises `ArticleGone`."""
    row = (await session.execute(ONE, {"supplier": supplier_id, "sku": sku})).one_or_none()
    if row is None:
        raise ArticleGone
    return Article(*row)


async def run(session: AsyncSession, run_id: int) -> Run:
    """Raises `RunGone`."""
    row = (await session.execute(RUN, {"id": run_id})).one_or_none()
    if row is None:
        raise RunGone
    return Run(*row)


async def report(session: AsyncSession, run_id: int) -> Sequence[Sequence[str]]:
    """What a run has changed, as `[kind, sku, name, before, after]`; at most 250 of each kind."""
    found: Sequence[Sequence[str]] = await session.scalar(REPORT, {"id": run_id}) or []
    return found


async def held_runs(session: AsyncSession) -> Sequence[Run]:
    return [Run(*row) for row in await session.execute(HELD_RUNS)]


async def lost(session: AsyncSession, run_id: int) -> Sequence[tuple[str, str, Decimal]]:
    """Number, name and cost of articles that a held run lacks; at most 200."""
    return [(row.sku, row.name, row.cost) for row in await session.execute(LOST, {"run": run_id})]


async def to_decide(session: AsyncSession) -> tuple[int, int]:
    """Costs and readings that wait for a person."""
    row = (await session.execute(TO_DECIDE)).one()
    return row.costs, row.runs


async def terms(session: AsyncSession, supplier_id: int) -> Terms:
    """Raises `RunGone` for a supplier that has no catalogue to read."""
    row = (await session.execute(TERMS, {"id": supplier_id})).one_or_none()
    if row is None:
        raise RunGone
    return Terms(*row)


async def suggestions(session: AsyncSession, name: str, kind: str, most: int = 5) -> Sequence[tuple[int, str]]:
    """Goods whose names are most like `name`, the likest first; of the newest 5,000. Likeness is the share of pairs of
    neighbouring letters (Dice)."""
    wanted = _pairs(name)
    rows = await session.execute(NAMES, {"kind": kind, "limit": MOST_WEIGHED})
    weighed = [(_likeness(wanted, _pairs(row.name)), row.id, row.name) for row in rows]
    likest = sorted((one for one in weighed if one[0] >= 0.3), key=lambda one: (-one[0], one[1]))
    return [(number, title) for _, number, title in likest[:most]]


def _pairs(name: str) -> frozenset[str]:
    folded = fold(name)
    return frozenset(folded[n : n + 2] for n in range(len(folded) - 1)) or frozenset({folded})


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other))
