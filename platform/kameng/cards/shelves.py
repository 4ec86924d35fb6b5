"""Where cards are: lists of an item or a batch, one card, and what a selection means.

A card for sale lies in the pool, an unpaid order holds it, it is set aside frozen or recycled, or it is sold. Its id
stays the same and grows with time, so lists are paged by it. Sold cards are listed by batch: those of a batch lie
between its first and its last id.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.errors import CardGone
from kameng.infra.crypto import Sealer

State = Literal["pool", "held", "frozen", "recycled", "sold"]
SIZE = 50
MOST_COUNTED = 100_000

TABLES: dict[State, str] = {
    "pool": "card_pool",
    "held": "card_held",
    "frozen": "card_aside",
    "recycled": "card_aside",
    "sold": "card_issued",
}
COLUMNS: dict[State, str] = {
    "pool": "'pool' AS state, NULL::uuid AS order_ref, '' AS reason, c.created_at AS since",
    "held": "'held', c.order_ref, '', c.held_at",
    "frozen": "c.state, NULL::uuid, c.reason, c.since",
    "sold": "'sold', c.order_ref, '', c.issued_at",
}
COLUMNS["recycled"] = COLUMNS["frozen"]
SELECT = "SELECT c.id, c.secret, c.label, c.batch_id, c.cost_cents, {columns} FROM {table} c WHERE "
EVERYWHERE: tuple[State, ...] = ("pool", "held", "frozen", "sold")  # card_aside is one table
COUNTS = text(
    """
    SELECT (SELECT count(*) FROM (SELECT 1 FROM card_pool WHERE item_id = :item_id LIMIT :most) c)::int,
           (SELECT count(*) FROM card_held WHERE item_id = :item_id)::int,
           (SELECT count(*) FROM (SELECT 1 FROM card_aside
            WHERE item_id = :item_id AND state = 'frozen' LIMIT :most) c)::int,
           (SELECT count(*) FROM (SELECT 1 FROM card_aside
            WHERE item_id = :item_id AND state = 'recycled' LIMIT :most) c)::int
    """
)


class Chosen(Struct, frozen=True, kw_only=True):
    """Cards of one item in one place: these `ids`, or all that are of `batch_id` and fit `words`, which is a whole
    secret or a whole label."""

    item_id: int
    state: State = "pool"
    ids: Sequence[UUID] | None = None
    batch_id: int | None = None
    words: str = ""

    def where(self, sealer: Sealer) -> tuple[str, dict[str, Any]]:
        """Conditions on a table called `c`, and their values."""
        parts, values = ["c.item_id = :item_id"], dict[str, Any]({"item_id": self.item_id})
        if TABLES[self.state] == "card_aside":
            parts.append("c.state = :state")
            values["state"] = self.state
        if self.ids is not None:
            parts.append("c.id = ANY(:ids)")
            values["ids"] = list(self.ids)
        if self.batch_id is not None:
            parts.append("c.batch_id = :batch_id")
            values["batch_id"] = self.batch_id
        if self.words:
            parts.append("(c.fingerprint = :fingerprint OR c.label = :words)")
            values |= {"fingerprint": sealer.fingerprint(self.words), "words": self.words}
        return " AND ".join(parts), values


class Counts(Struct, frozen=True):
    """How many cards of an item are where, each counted up to `MOST_COUNTED`."""

    pool: int
    held: int
    frozen: int
    recycled: int


class Lying(Struct, frozen=True):
    """A card where it lies, its secret still sealed."""

    id: UUID
    secret: bytes
    label: str
    batch_id: int | None
    cost_cents: int
    state: str
    order_ref: UUID | None
    reason: str
    since: datetime


async def counts(session: AsyncSession, item_id: int) -> Counts:
    return Counts(*(await session.execute(COUNTS, {"item_id": item_id, "most": MOST_COUNTED})).one())


async def listed(
    session: AsyncSession, sealer: Sealer, chosen: Chosen, after: UUID | None = None, limit: int = SIZE
) -> Sequence[Lying]:
    """Cards in the order in which they came, those after `after`. Sold ones are found with a batch only."""
    where, values = chosen.where(sealer)
    sql = SELECT.format(columns=COLUMNS[chosen.state], table=TABLES[chosen.state]) + where
    if chosen.state == "sold" and not chosen.words:
        sql += (
            " AND c.id BETWEEN (SELECT first_card FROM card_batches WHERE id = :batch_id)"
            " AND (SELECT last_card FROM card_batches WHERE id = :batch_id)"
        )
        values["batch_id"] = chosen.batch_id
    if after is not None:
        sql += " AND c.id > :after"
        values["after"] = after
    rows = await session.execute(text(f"{sql} ORDER BY c.id LIMIT :limit"), {**values, "limit": limit})
    return [_lying(row) for row in rows]


async def searched(session: AsyncSession, sealer: Sealer, item_id: int, words: str) -> Sequence[Lying]:
    """The card with this secret, and those for sale with this label, wherever they lie."""
    values = {"item_id": item_id, "fingerprint": sealer.fingerprint(words), "words": words, "limit": SIZE}
    parts = [
        SELECT.format(columns=COLUMNS[state], table=TABLES[state])
        + "c.item_id = :item_id AND "
        + ("(c.fingerprint = :fingerprint OR c.label = :words)" if state == "pool" else "c.fingerprint = :fingerprint")
        for state in EVERYWHERE
    ]
    rows = await session.execute(text(" UNION ALL ".join(parts) + " LIMIT :limit"), values)
    return [_lying(row) for row in rows]


async def one(session: AsyncSession, item_id: int, card_id: UUID) -> Lying:
    """A card of the item, wherever it lies. Raises `CardGone`."""
    parts = [
        SELECT.format(columns=COLUMNS[state], table=TABLES[state]) + "c.id = :id AND c.item_id = :item_id"
        for state in EVERYWHERE
    ]
    rows = await session.execute(text(" UNION ALL ".join(parts)), {"id": card_id, "item_id": item_id})
    row = rows.first()
    if row is None:
        raise CardGone
    return _lying(row)


async def count(session: AsyncSession, sealer: Sealer, chosen: Chosen) -> int:
    """How many cards a selection means, up to `MOST_COUNTED`."""
    where, values = chosen.where(sealer)
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {TABLES[chosen.state]} c WHERE {where} LIMIT :most) found"  # noqa: S608
    return int((await session.execute(text(sql), {**values, "most": MOST_COUNTED})).scalar_one())


def _lying(row: Any) -> Lying:
    return Lying(row[0], bytes(row[1]), *row[2:])
