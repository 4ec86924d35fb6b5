"""Comparing prices with what stations sell for: before a change, for whoever decides; after it, for the owners.

Each station is read in its own session, a few at a time. Many stations are read in the background.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import structlog
from msgspec import Struct
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import change_queries, outlook
from billing.wholesale.change_lines import Line
from billing.wholesale.outlook import Outlook, Terms
from kameng.infra import outbox
from kameng.infra.db import Database
from kameng.infra.outbox import Event
from kameng.infra.tenancy import begin_as
from tenants.margins import queries
from tenants.margins.queries import Listed, Touched
from tenants.notices import service as notices

log = structlog.get_logger()

AT_ONCE = 200  # stations that are compared while the person waits
BATCH = 50
TOGETHER = 4


class PreviewWanted(Event, frozen=True):
    """A change of prices is to be compared with what many stations sell for."""

    change_id: int


class Finding(Struct, frozen=True):
    """A product that its station should look at. `effect`: loss, floor or gone; `is_new`: it is not so already."""

    tenant_id: int
    product: Listed
    old: Terms
    new: Terms
    effect: str
    is_new: bool


async def look(session: AsyncSession, change_id: int) -> bool:
    """Prepares the comparison of a change. True: call `preview` after the commit, it will not take long. Otherwise it
    is done in the background. Master session. Raises `ChangeGone`."""
    touched = await _touched(session, await change_queries.lines(session, change_id))
    await session.execute(queries.START, {"id": change_id, "total": len(touched)})
    await session.execute(queries.CLEAR, {"id": change_id})
    if len(touched) <= AT_ONCE:
        return True
    await outbox.record(session, PreviewWanted(change_id))
    return False


async def preview(database: Database, change_id: int) -> None:
    """Compares a change with every station that it touches, and keeps what it finds. Idempotent."""
    async with database.master_session() as session:
        lines = await change_queries.lines(session, change_id)
        touched = await _touched(session, lines)
        before = await outlook.now(session, _goods(lines))
        await session.execute(queries.START, {"id": change_id, "total": len(touched)})
        await session.execute(queries.CLEAR, {"id": change_id})
    after = before.after(lines)
    done = products = 0
    for start in range(0, max(1, len(touched)), BATCH):
        batch = touched[start : start + BATCH]
        seen = await _each(batch, lambda station: _compare(database, station, before, after))
        done, products = done + len(batch), products + sum(count for count, _ in seen)
        kept = [_row(change_id, finding) for _, findings in seen for finding in findings]
        async with database.master_session() as session:
            if kept:
                await session.execute(queries.KEEP, kept)
            await session.execute(queries.PROGRESS, {"id": change_id, "done": done, "products": products})


async def _touched(session: AsyncSession, lines: Sequence[Line]) -> Sequence[Touched]:
    return await queries.stations(
        session,
        tiers=sorted({line.tier_id for line in lines if line.tier_id is not None}),
        tenants=sorted({line.tenant_id for line in lines if line.tenant_id is not None}),
        everybody=any(line.kind == "floor" for line in lines),
    )


def _goods(lines: Sequence[Line]) -> list[int]:
    return sorted({line.good_id for line in lines if line.good_id is not None})


async def _each(
    stations: Sequence[Touched], work: Callable[[Touched], Awaitable[tuple[int, list[Finding]]]]
) -> list[tuple[int, list[Finding]]]:
    """Some stations together, never more than `TOGETHER`: the pool of connections serves requests too."""
    turns = asyncio.Semaphore(TOGETHER)

    async def one(station: Touched) -> tuple[int, list[Finding]]:
        async with turns:
            try:
                return await work(station)
            except DBAPIError as error:  # a station that is being moved or closed stops nobody else
                log.warning("station_not_compared", tenant=station.id, error=str(error.orig))
                return 0, []

    return await asyncio.gather(*(one(station) for station in stations))


async def _compare(database: Database, station: Touched, before: Outlook, after: Outlook) -> tuple[int, list[Finding]]:
    async with begin_as(database, station.id) as session:
        listed = await queries.on_sale(session, sorted(before.goods))
    found = [
        _judge(
            station.id,
            product,
            before.terms(station.id, station.tier_id, product.good_id),
            after.terms(station.id, station.tier_id, product.good_id),
        )
        for product in listed
    ]
    return len(listed), [finding for finding in found if finding is not None]


def _judge(tenant_id: int, product: Listed, old: Terms, new: Terms) -> Finding | None:
    """None when the change does the product no harm."""
    if old == new:
        return None
    effect = _effect(product.price, new)
    if effect is None or (effect == "gone" and old.price is None):
        return None
    return Finding(tenant_id, product, old, new, effect, _effect(product.price, old) != effect)


def _effect(retail: Decimal, terms: Terms) -> str | None:
    if terms.price is None:
        return "gone"
    if retail < terms.price:
        return "loss"
    return "floor" if terms.floor is not None and retail < terms.floor else None


def _row(change_id: int, finding: Finding) -> dict[str, object]:
    return {
        "change_id": change_id,
        "tenant_id": finding.tenant_id,
        "product_id": finding.product.id,
        "good_id": finding.product.good_id,
        "product": finding.product.name,
        "retail": finding.product.price,
        "old_price": finding.old.price,
        "new_price": finding.new.price,
        "floor": finding.new.floor,
        "effect": finding.effect,
        "is_new": finding.is_new,
    }


async def tell_owners(database: Database, *, change_id: int = 0, good_id: int = 0) -> int:
    """Tells the owners whose products cannot be sold any more, or are sold at a loss, by the prices that hold now.
    Returns how many products. Idempotent: an unread notice is not repeated."""
    async with database.master_session() as session:
        lines = await change_queries.written(session, change_id) if change_id else []
        goods = _goods(lines) if change_id else [good_id]
        holds = await outlook.now(session, goods)
        if change_id:
            touched = await _touched(session, lines)
        else:
            touched = await queries.stations(session, tiers=[tier for tier, _ in holds.tiers])
    told = await _each(touched, lambda station: _tell(database, station, holds))
    return sum(count for count, _ in told)


async def _tell(database: Database, station: Touched, holds: Outlook) -> tuple[int, list[Finding]]:
    count = 0
    async with begin_as(database, station.id) as session:
        for product in await queries.on_sale(session, sorted(holds.goods)):
            terms = holds.terms(station.id, station.tier_id, product.good_id)
            effect = _effect(product.price, terms)
            if effect == "floor":
                await notices.tell(session, "below_floor", str(product.id), name=product.name, floor=str(terms.floor))
            elif effect == "loss":
                await notices.tell(session, "sold_at_loss", str(product.id), name=product.name, price=str(terms.price))
            count += effect in ("floor", "loss")
    return count, []
