"""Imports: what was sent is sealed and cut into parts, and the parts become cards in the background.

A part is one transaction: its cards, its rejected lines and the counts of the import are committed together, and its
lines are gone with them. So a worker may be killed anywhere, and several may be at the same import: no line is taken
twice, and the next one goes on with the first part that has not been done.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.cards import batches
from kameng.cards.batches import BatchDraft
from kameng.cards.errors import ImportOver
from kameng.cards.formats import Card, Reader, Rule, masked
from kameng.cards.import_queries import Import, find
from kameng.cards.reading import Line
from kameng.cards.service import PLACE, lock_item
from kameng.core import ids
from kameng.infra import outbox
from kameng.infra.crypto import Sealer
from kameng.infra.outbox import Event

PART = 2_500
TURN_S = 3.0  # then the worker sends for the rest, before the relay takes the event for lost
BODY, REJECTED = "card_import_parts.body", "card_import_parts.rejected"

ADD = text(
    "INSERT INTO card_imports (item_id, batch_id, file_name, rule, total, by_name, by_address)"
    " VALUES (:item_id, :batch_id, :file_name, CAST(:rule AS jsonb), :total, :by_name, :by_address) RETURNING id"
)
ADD_PART = text("INSERT INTO card_import_parts (import_id, part, body) VALUES (:import_id, :part, :body)")
# What can be downloaded of old imports goes when a new one comes.
TIDY = text(
    "DELETE FROM card_import_parts WHERE import_id IN (SELECT id FROM card_imports"
    " WHERE item_id = :item_id AND finished_at < now() - interval '30 days')"
)
HOLD = text(
    "SELECT item_id, batch_id, rule, by_name, by_address FROM card_imports"
    " WHERE id = :id AND state IN ('waiting', 'running') FOR UPDATE SKIP LOCKED"
)
NEXT_PART = text(
    "SELECT part, body FROM card_import_parts WHERE import_id = :id AND body IS NOT NULL ORDER BY part LIMIT 1"
)
# Adds what nobody knows yet, and says of the rest where it is. A card that this import has added before is twice in the
# file, wherever it lies by now.
PUT = text(
    """
    WITH card AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:secrets AS bytea[]), CAST(:fingerprints AS bytea[]),
                             CAST(:labels AS text[])) WITH ORDINALITY AS c (id, secret, fingerprint, label, n)
    ), known AS MATERIALIZED (
        SELECT c.n, k.place, k.batch_id FROM card c CROSS JOIN LATERAL (
            SELECT 'in_pool' AS place, batch_id FROM card_pool
            WHERE item_id = :item_id AND fingerprint = c.fingerprint
            UNION ALL SELECT 'known', batch_id FROM card_issued
            WHERE item_id = :item_id AND fingerprint = c.fingerprint
            UNION ALL SELECT 'known', batch_id FROM card_held
            WHERE item_id = :item_id AND fingerprint = c.fingerprint
            UNION ALL SELECT 'known', batch_id FROM card_aside
            WHERE item_id = :item_id AND fingerprint = c.fingerprint
            LIMIT 1) k
    ), put AS (
        INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id, label)
        SELECT c.id, :item_id, c.secret, c.fingerprint, b.cost_cents, b.id, c.label
        FROM card c CROSS JOIN card_batches b
        WHERE b.id = :batch_id AND NOT EXISTS (SELECT 1 FROM known k WHERE k.n = c.n)
        ORDER BY c.n
        ON CONFLICT (item_id, fingerprint) DO NOTHING RETURNING id
    )
    SELECT c.n::int AS n, CASE WHEN k.batch_id = :batch_id THEN 'in_file' ELSE coalesce(k.place, 'in_pool') END AS why
    FROM card c LEFT JOIN known k ON k.n = c.n LEFT JOIN put ON put.id = c.id WHERE put.id IS NULL ORDER BY c.n
    """
)
PART_DONE = text(
    "UPDATE card_import_parts SET body = NULL, rejected = :rejected WHERE import_id = :id AND part = :part"
)
COUNT = text(
    "UPDATE card_imports SET state = 'running', started_at = coalesce(started_at, now()), added = added + :added,"
    " in_file = in_file + :in_file, in_pool = in_pool + :in_pool, known = known + :known, bad = bad + :bad"
    " WHERE id = :id"
)
FINISH = text(
    "UPDATE card_imports SET state = 'done', started_at = coalesce(started_at, now()), finished_at = now()"
    " WHERE id = :id RETURNING file_name, total, added, in_file + in_pool + known AS duplicates, bad"
)
CANCEL = text(
    "UPDATE card_imports SET state = 'cancelled', finished_at = now()"
    " WHERE id = :id AND item_id = :item_id AND state IN ('waiting', 'running') RETURNING id"
)
FORGET = text("UPDATE card_import_parts SET body = NULL WHERE import_id = :id AND body IS NOT NULL")
REJECTED_PARTS = text(
    "SELECT part, rejected FROM card_import_parts WHERE import_id = :id AND rejected IS NOT NULL AND part > :after"
    " ORDER BY part LIMIT 1"
)


class CardsSent(Event, frozen=True):
    """Lines wait to become cards."""

    import_id: int


class CardsImported(Event, frozen=True):
    """An import is over, and the item has more cards."""

    item_id: int
    import_id: int
    added: int


class Place(Struct, frozen=True):
    """Whose cards they are: transactions in that schema, and the key of its secrets."""

    begin: Callable[[], AbstractAsyncContextManager[AsyncSession]]
    sealer: Sealer


class By(Struct, frozen=True):
    """Who sends it, for the log."""

    name: str
    address: str


class Rejected(Struct, frozen=True, array_like=True):
    """A line that became no card. `why` is `in_file`, `in_pool`, `known` or a word of `formats.WHY`; `shown` is the
    line as it was sent, or of a duplicate its ends."""

    line: int
    why: str
    shown: str


class _Part(Struct):
    """A part in the making: cards by position, and what is rejected."""

    cards: list[tuple[int, Card]]
    rejected: list[Rejected]
    ids: list[UUID]
    secrets: list[bytes]
    fingerprints: list[bytes]


async def send(
    session: AsyncSession,
    sealer: Sealer,
    batch: BatchDraft,
    rule: Rule,
    lines: Sequence[Line],
    by: By,
    *,
    file_name: str = "",
) -> int:
    """Keeps `lines` sealed and has them imported as a new batch. Returns the import's number."""
    await session.execute(TIDY, {"item_id": batch.item_id})
    batch_id = await batches.add(session, batch)
    values = {
        "item_id": batch.item_id,
        "batch_id": batch_id,
        "file_name": "".join(sign for sign in file_name if sign.isprintable())[-100:],
        "rule": msgspec.json.encode(rule).decode(),
        "total": len(lines),
        "by_name": by.name,
        "by_address": by.address,
    }
    import_id = int((await session.execute(ADD, values)).scalar_one())
    parts = await asyncio.to_thread(lambda: list(_sealed(sealer, import_id, lines)))
    await session.execute(ADD_PART, parts)
    await outbox.record(session, CardsSent(import_id))
    return import_id


def _sealed(sealer: Sealer, import_id: int, lines: Sequence[Line]) -> Iterator[dict[str, object]]:
    for part, start in enumerate(range(0, len(lines), PART)):
        body = msgspec.json.encode(lines[start : start + PART]).decode()
        yield {"import_id": import_id, "part": part, "body": sealer.seal(BODY, f"{import_id}/{part}", body)}


async def work(place: Place, import_id: int) -> None:
    """Imports for some seconds, and sends for the rest. Does nothing while another worker is at it, or when it is
    over."""
    until = time.monotonic() + TURN_S
    while await _next_part(place, import_id, is_last=time.monotonic() >= until):
        pass


async def _next_part(place: Place, import_id: int, *, is_last: bool) -> bool:
    """Whether to go on."""
    async with place.begin() as session:
        held = (await session.execute(HOLD, {"id": import_id})).one_or_none()
        if held is None:
            return False
        waiting = (await session.execute(NEXT_PART, {"id": import_id})).one_or_none()
        if waiting is None:
            await _finish(session, import_id, held.item_id, By(held.by_name, held.by_address))
            return False
        rule = msgspec.convert(held.rule, Rule)
        part = await asyncio.to_thread(_prepared, place.sealer, rule, import_id, waiting.part, bytes(waiting.body))
        await _put(session, place.sealer, part, import_id, waiting.part, held.item_id, held.batch_id)
        if is_last:
            await outbox.record(session, CardsSent(import_id))
        return not is_last


def _prepared(sealer: Sealer, rule: Rule, import_id: int, number: int, body: bytes) -> _Part:
    """Reads and seals a part; in a thread, since it is a quarter of a second of work."""
    reader, seen = Reader(rule), set[bytes]()
    part = _Part([], [], [], [], [])
    for line, said in msgspec.json.decode(sealer.open(BODY, f"{import_id}/{number}", body), type=list[Line]):
        card = reader.read(said)
        if isinstance(card, str):
            part.rejected.append(Rejected(line, card, said))
            continue
        fingerprint = sealer.fingerprint(card.secret)
        if fingerprint in seen:
            part.rejected.append(Rejected(line, "in_file", masked(card.secret)))
            continue
        seen.add(fingerprint)
        card_id = ids.uuid7()
        part.cards.append((line, card))
        part.ids.append(card_id)
        part.secrets.append(sealer.seal(PLACE, card_id, card.secret))
        part.fingerprints.append(fingerprint)
    return part


async def _put(
    session: AsyncSession, sealer: Sealer, part: _Part, import_id: int, number: int, item_id: int, batch_id: int
) -> None:
    rejected = list(part.rejected)
    if part.cards:
        await lock_item(session, item_id)
        values = {
            "item_id": item_id,
            "batch_id": batch_id,
            "ids": part.ids,
            "secrets": part.secrets,
            "fingerprints": part.fingerprints,
            "labels": [card.label for _, card in part.cards],
        }
        for row in await session.execute(PUT, values):
            line, card = part.cards[row.n - 1]
            rejected.append(Rejected(line, row.why, masked(card.secret)))
    added = len(part.cards) - (len(rejected) - len(part.rejected))
    if added:
        await batches.count(session, batch_id, added, part.ids[0], part.ids[-1])
    counts = {why: sum(one.why == why for one in rejected) for why in ("in_file", "in_pool", "known")}
    bad = len(rejected) - sum(counts.values())
    await session.execute(COUNT, {"id": import_id, "added": added, "bad": bad, **counts})
    kept = None
    if rejected:
        said = msgspec.json.encode(sorted(rejected, key=lambda one: one.line)).decode()
        kept = sealer.seal(REJECTED, f"{import_id}/{number}", said)
    await session.execute(PART_DONE, {"id": import_id, "part": number, "rejected": kept})


async def _finish(session: AsyncSession, import_id: int, item_id: int, by: By) -> None:
    done = (await session.execute(FINISH, {"id": import_id})).one()
    await outbox.record(session, CardsImported(item_id, import_id, done.added))
    detail = {
        "file": done.file_name,
        "lines": done.total,
        "added": done.added,
        "duplicates": done.duplicates,
        "bad": done.bad,
    }
    await audit.record(session, by.name, "cards.import", str(item_id), detail, by.address)


async def cancel(session: AsyncSession, item_id: int, import_id: int) -> Import:
    """Ends an import; what it has added stays. Raises `ImportGone`, `ImportOver`."""
    await find(session, item_id, import_id)
    if (await session.execute(CANCEL, {"id": import_id, "item_id": item_id})).scalar_one_or_none() is None:
        raise ImportOver
    await session.execute(FORGET, {"id": import_id})
    return await find(session, item_id, import_id)


async def rejected(place: Place, item_id: int, import_id: int) -> AsyncIterator[list[Rejected]]:
    """The lines that became no cards, part by part, each read in a transaction of its own. Raises `ImportGone`."""
    async with place.begin() as session:
        await find(session, item_id, import_id)
    after = -1
    while True:
        async with place.begin() as session:
            row = (await session.execute(REJECTED_PARTS, {"id": import_id, "after": after})).one_or_none()
        if row is None:
            return
        after = row.part
        said = place.sealer.open(REJECTED, f"{import_id}/{row.part}", bytes(row.rejected))
        yield msgspec.json.decode(said, type=list[Rejected])
