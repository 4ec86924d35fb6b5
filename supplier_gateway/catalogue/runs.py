"""Reading a supplier's catalogue: page after page into `sync_lines`, and at the end all of it in force at once.

A page is one call on the wire between two short transactions. Whoever reads holds the run's lease; where it dies, the
next one goes on with the page that it had not kept. What was read takes effect with the last page only, so a reading
that breaks off changes nothing.
"""

import time
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later
from supplier_gateway.adapters import registry
from supplier_gateway.catalogue import applying
from supplier_gateway.catalogue.errors import AlreadyReading, NoCatalogue, NotHeld, RunGone
from supplier_gateway.port import SupplierGood, SupplierUnavailable
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers
from supplier_gateway.suppliers.service import STOCK, Supplier

log = structlog.get_logger()

TURN_S = 3.0  # then the worker sends for the rest, before the relay takes the event for lost
MOST_TRIES = 5
MOST_PAGES = 5_000
MOST_LINES = 100_000  # an article more is an endless catalogue
FEW = 3  # so many may vanish without a person, unless nothing is left
LONGEST_SKU, LONGEST_NAME, LONGEST_CATEGORY = 80, 200, 200
MOST_COST, MOST_STOCK = Decimal(100_000), 2**31 - 1

START = text(
    """
    INSERT INTO sync_runs (supplier_id, made_by, expected)
    SELECT :supplier, :by, (SELECT count(*) FROM supplier_goods WHERE supplier_id = :supplier AND vanished_at IS NULL)
    ON CONFLICT (supplier_id) WHERE state = 'running' DO NOTHING RETURNING id
    """
)
SCHEDULED = text(
    "UPDATE suppliers SET sync_next_at = now() + make_interval(mins => greatest(sync_minutes, 1)) WHERE id = :supplier"
)
LEASE = text(
    """
    UPDATE sync_runs SET lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = :id AND state = 'running' AND lease_until <= clock_timestamp() RETURNING supplier_id, cursor, pages
    """
)
STATE = text("SELECT state FROM sync_runs WHERE id = :id")
KEEP = text(
    """
    INSERT INTO sync_lines (run_id, sku, name, cost, stock, kind, category, fields, min_quantity, max_quantity)
    SELECT :run, * FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS l (sku text, name text, cost numeric, stock int,
        kind text, category text, fields jsonb, min_quantity int, max_quantity int)
    ON CONFLICT (run_id, sku) DO NOTHING
    """
)
PAGE_DONE = text(
    """
    UPDATE sync_runs SET cursor = :next, pages = pages + 1, tries = 0, lease_until = clock_timestamp(),
        seen = (SELECT count(*) FROM sync_lines WHERE run_id = :id), unreadable = unreadable + :unreadable
    WHERE id = :id AND state = 'running' AND pages = :pages RETURNING seen
    """
)
TRIED = text(
    "UPDATE sync_runs SET tries = tries + 1, lease_until = clock_timestamp() WHERE id = :id AND state = 'running'"
    " RETURNING tries"
)
END = text(
    "UPDATE sync_runs SET state = :state, error = :error, finished_at = now()"
    " WHERE id = :id AND state IN ('running', 'held') RETURNING supplier_id"
)
FORGET = text("DELETE FROM sync_lines WHERE run_id = :id")
# A run that waits for a person gives way to what was read after it.
OUTDATED = text(
    "UPDATE sync_runs SET state = 'declined', finished_at = now(), error = 'outdated'"
    " WHERE supplier_id = :supplier AND state = 'held' AND id < :id RETURNING id"
)
HOLD = text("SELECT supplier_id, state, seen, expected FROM sync_runs WHERE id = :id FOR UPDATE")
VANISHING = text(
    """
    SELECT count(*) FROM supplier_goods g WHERE g.supplier_id = :supplier AND g.vanished_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM sync_lines l WHERE l.run_id = :run AND l.sku = g.sku)
    """
)
NOTE_VANISHING = text("UPDATE sync_runs SET vanished = :vanished WHERE id = :id")
TERMS = text("SELECT vanish_percent, jump_percent FROM suppliers WHERE id = :supplier")
DUE = text(
    """
    SELECT s.id FROM suppliers s WHERE s.state = 'active' AND s.sync_minutes > 0 AND s.sync_next_at <= now()
    AND NOT EXISTS (SELECT 1 FROM sync_runs r WHERE r.supplier_id = s.id AND r.state = 'running') ORDER BY s.id LIMIT 20
    """
)
STRANDED = text(
    "SELECT id FROM sync_runs WHERE state = 'running' AND lease_until < now() - interval '2 minutes'"
    " ORDER BY id LIMIT 20"
)
PRUNE = text(
    "DELETE FROM sync_runs WHERE id IN (SELECT id FROM sync_runs"
    " WHERE state NOT IN ('running', 'held') AND finished_at < now() - interval '90 days' ORDER BY id LIMIT 500)"
)


class SyncAsked(Event, frozen=True):
    """A run has pages to read."""

    run_id: int


class SyncHeld(Event, frozen=True):
    """A catalogue has lost so much that a person is to look before anything stops selling."""

    run_id: int
    supplier_id: int
    name: str
    vanished: int
    expected: int


class SyncFailed(Event, frozen=True):
    """A catalogue could not be read to its end. `why` is a `port.Fault`, or `endless`."""

    run_id: int
    supplier_id: int
    name: str
    why: str


async def start(session: AsyncSession, supplier_id: int, by: str = "") -> int:
    """Has a supplier's catalogue read; returns the run. Raises `SupplierGone`, `NoCatalogue`, `AlreadyReading`."""
    supplier = await supplier_queries.find(session, supplier_id)
    if supplier.protocol == STOCK or not registry.entry(supplier.protocol).has_goods:
        raise NoCatalogue
    run_id: int | None = await session.scalar(START, {"supplier": supplier_id, "by": by})
    if run_id is None:
        raise AlreadyReading
    await session.execute(SCHEDULED, {"supplier": supplier_id})
    await outbox.record(session, SyncAsked(run_id))
    return run_id


async def start_due(session: AsyncSession) -> int:
    """Starts what the clock says, and sends again for runs that nobody is at. Returns how many."""
    due = list((await session.execute(DUE)).scalars())
    for supplier_id in due:
        try:
            await start(session, supplier_id)
        except (NoCatalogue, AlreadyReading):
            await session.execute(SCHEDULED, {"supplier": supplier_id})
    stranded = list((await session.execute(STRANDED)).scalars())
    for run_id in stranded:
        await outbox.record(session, SyncAsked(run_id))
    await session.execute(PRUNE)
    return len(due) + len(stranded)


class Step(Struct, frozen=True):
    """A page to be read."""

    run_id: int
    supplier: Supplier
    cursor: str
    pages: int


async def work(runtime: Runtime, run_id: int) -> None:
    """Reads for some seconds, and sends for the rest. Raises `Later` while another worker is at it, or the supplier
    does not answer."""
    until = time.monotonic() + TURN_S
    while True:
        step = await _next(runtime, run_id)
        if step is None:
            return
        is_last = await _page(runtime, step)
        if is_last:
            return
        if time.monotonic() >= until:
            async with runtime.database.master_session() as session:
                await outbox.record(session, SyncAsked(run_id))
            return


async def _next(runtime: Runtime, run_id: int) -> Step | None:
    async with runtime.database.master_session() as session:
        lease_s = 2 * runtime.settings.supplier_timeout_s + 30
        row = (await session.execute(LEASE, {"id": run_id, "lease_s": lease_s})).one_or_none()
        if row is not None:
            supplier = await supplier_queries.supplier(session, row.supplier_id)
            return Step(run_id, supplier, row.cursor, row.pages)
        if await session.scalar(STATE, {"id": run_id}) == "running":
            raise Later(5, "another worker reads it")
    return None


async def _page(runtime: Runtime, step: Step) -> bool:
    """Reads one page and keeps it; whether the run is over."""
    adapter = await suppliers.adapter_of(runtime, step.supplier)
    try:
        page = await adapter.goods(step.cursor)
    except SupplierUnavailable as silent:
        return await _missed(runtime, step, silent)
    lines = [_line(good) for good in page.goods]
    kept = [line for line in lines if line is not None]
    async with runtime.database.master_session() as session:
        if kept:
            said = msgspec.json.encode(kept).decode()
            await session.execute(KEEP, {"run": step.run_id, "lines": said})
        unreadable = len(lines) - len(kept) + sum(line["cost"] is None for line in kept)
        values = {"id": step.run_id, "next": page.next_cursor, "pages": step.pages, "unreadable": unreadable}
        seen = await session.scalar(PAGE_DONE, values)
        if seen is None:  # somebody else has kept this page, or the run was ended
            await session.rollback()
            return True
        if not page.next_cursor:
            await _finish(session, step.run_id, step.supplier)
            return True
        if page.next_cursor == step.cursor or step.pages >= MOST_PAGES or seen > MOST_LINES:
            await _fail(session, step, "endless")
            return True
    return False


async def _missed(runtime: Runtime, step: Step, silent: SupplierUnavailable) -> bool:
    """The same page again after a while, or never. Raises `Later`."""
    async with runtime.database.master_session() as session:
        tries = await session.scalar(TRIED, {"id": step.run_id})
        if tries is not None and tries >= MOST_TRIES:
            await _fail(session, step, str(silent.fault))
            return True
    if tries is None:
        return True
    raise Later(2.0**tries, str(silent))


async def _fail(session: AsyncSession, step: Step, why: str) -> None:
    await session.execute(END, {"id": step.run_id, "state": "failed", "error": why})
    await session.execute(FORGET, {"id": step.run_id})
    log.warning("catalogue_not_read", supplier=step.supplier.name, why=why)
    await outbox.record(session, SyncFailed(step.run_id, step.supplier.id, step.supplier.name, why))


async def _finish(session: AsyncSession, run_id: int, supplier: Supplier) -> None:
    """Puts in force what was read, or has a person look at it first."""
    run = (await session.execute(HOLD, {"id": run_id})).one()
    vanished = int(await session.scalar(VANISHING, {"supplier": supplier.id, "run": run_id}) or 0)
    for (old,) in (await session.execute(OUTDATED, {"supplier": supplier.id, "id": run_id})).all():
        await session.execute(FORGET, {"id": old})
    terms = (await session.execute(TERMS, {"supplier": supplier.id})).one()
    is_most = vanished >= FEW and vanished * 100 > terms.vanish_percent * run.expected
    if is_most or (run.expected and not run.seen):
        await session.execute(END, {"id": run_id, "state": "held", "error": ""})
        await session.execute(NOTE_VANISHING, {"id": run_id, "vanished": vanished})
        await outbox.record(session, SyncHeld(run_id, supplier.id, supplier.name, vanished, run.expected))
        return
    await _apply(session, run_id, supplier)


async def _apply(session: AsyncSession, run_id: int, supplier: Supplier) -> None:
    await applying.apply(session, run_id, supplier)
    await session.execute(END, {"id": run_id, "state": "applied", "error": ""})
    await session.execute(FORGET, {"id": run_id})


async def decide(session: AsyncSession, run_id: int, *, approved: bool) -> str:
    """Puts a held run in force, or throws it away; returns the supplier's name. Raises `RunGone`, `NotHeld`."""
    run = (await session.execute(HOLD, {"id": run_id})).one_or_none()
    if run is None:
        raise RunGone
    if run.state != "held":
        raise NotHeld
    supplier = await supplier_queries.supplier(session, run.supplier_id)
    if approved:
        await _apply(session, run_id, supplier)
    else:
        await session.execute(END, {"id": run_id, "state": "declined", "error": ""})
        await session.execute(FORGET, {"id": run_id})
    return supplier.name


def _line(good: SupplierGood) -> dict[str, Any] | None:
    """An article as it is kept; None for one that has no usable number. What cannot be true has no cost."""
    sku = good.sku.strip()
    if not sku or len(sku) > LONGEST_SKU or not sku.isprintable():
        return None
    name = " ".join(_seen(good.name).split())[:LONGEST_NAME]
    cost = _cost(good.cost)
    stock = good.stock if good.stock is None or 0 <= good.stock <= MOST_STOCK else None
    is_known_kind = good.kind in ("cards", "topup")
    return {
        "sku": sku,
        "name": name or sku,
        "cost": str(cost) if cost is not None and is_known_kind else None,
        "stock": stock,
        "kind": good.kind if is_known_kind else "cards",
        "category": " ".join(_seen(good.category).split())[:LONGEST_CATEGORY],
        "fields": [msgspec.to_builtins(field) for field in good.fields[:10]],
        "min_quantity": min(max(good.min_quantity, 1), MOST_STOCK),
        "max_quantity": None if good.max_quantity is None else min(max(good.max_quantity, 1), MOST_STOCK),
    }


def _cost(told: Decimal) -> Decimal | None:
    try:
        cost = told.quantize(Decimal("0.0001"))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and 0 <= cost <= MOST_COST else None


def _seen(words: str) -> str:
    return "".join(_printable(words))


def _printable(words: str) -> Iterable[str]:
    return (sign if sign.isprintable() else " " for sign in words)
