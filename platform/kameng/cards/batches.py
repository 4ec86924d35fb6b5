"""Batches: where cards came from, what they cost, and what has become of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.errors import BatchGone

ADD = text(
    "INSERT INTO card_batches (item_id, supplier, cost_cents, note, made_by)"
    " VALUES (:item_id, :supplier, :cost_cents, :note, :made_by) RETURNING id"
)
COUNT = text(
    "UPDATE card_batches SET added = added + :added, first_card = coalesce(first_card, :first),"
    " last_card = greatest(coalesce(last_card, :last), :last) WHERE id = :id"
)
CHANGE = text(
    "UPDATE card_batches SET supplier = :supplier, note = :note WHERE id = :id AND item_id = :item_id RETURNING id"
)
# Sold is what is nowhere else: issued cards are many, and are not counted.
LINES = """
    SELECT b.id, b.item_id, b.supplier, b.cost_cents, b.note, b.made_by, b.created_at, b.added, b.deleted,
           (SELECT count(*) FROM card_pool c WHERE c.batch_id = b.id)::int AS pool,
           (SELECT count(*) FROM card_held c WHERE c.batch_id = b.id)::int AS held,
           (SELECT count(*) FROM card_aside c WHERE c.batch_id = b.id AND c.state = 'frozen')::int AS frozen,
           (SELECT count(*) FROM card_aside c WHERE c.batch_id = b.id AND c.state = 'recycled')::int AS recycled
    FROM card_batches b
"""
OF_ITEM = (
    LINES + " WHERE b.item_id = :item_id AND (:words = '' OR b.supplier ILIKE :pattern OR b.note ILIKE :pattern"
    " OR b.made_by ILIKE :pattern OR CAST(b.id AS text) = :words) ORDER BY b.id DESC"
)
ONE = text(LINES + " WHERE b.id = :id AND b.item_id = :item_id")


class BatchDraft(Struct, frozen=True, kw_only=True):
    """A batch to be; `cost_cents` is of one card."""

    item_id: int
    supplier: str = ""
    cost_cents: int = 0
    note: str = ""
    made_by: str = ""


class Batch(Struct, frozen=True):
    """A batch with what has become of its cards."""

    id: int
    item_id: int
    supplier: str
    cost_cents: int
    note: str
    made_by: str
    created_at: datetime
    added: int
    deleted: int
    pool: int
    held: int
    frozen: int
    recycled: int

    @property
    def sold(self) -> int:
        return max(0, self.added - self.deleted - self.pool - self.held - self.frozen - self.recycled)


async def add(session: AsyncSession, draft: BatchDraft) -> int:
    """An empty batch; returns its number."""
    values = {name: getattr(draft, name) for name in draft.__struct_fields__}
    return int((await session.execute(ADD, values)).scalar_one())


async def count(session: AsyncSession, batch_id: int, added: int, first: UUID, last: UUID) -> None:
    """Cards have been added to the batch, with ids from `first` to `last`."""
    await session.execute(COUNT, {"id": batch_id, "added": added, "first": first, "last": last})


async def change(session: AsyncSession, item_id: int, batch_id: int, supplier: str, note: str) -> None:
    """Raises `BatchGone`."""
    values = {"id": batch_id, "item_id": item_id, "supplier": supplier, "note": note}
    if (await session.execute(CHANGE, values)).scalar_one_or_none() is None:
        raise BatchGone


async def find(session: AsyncSession, item_id: int, batch_id: int) -> Batch:
    """Raises `BatchGone`, also for a batch of another item."""
    row = (await session.execute(ONE, {"id": batch_id, "item_id": item_id})).one_or_none()
    if row is None:
        raise BatchGone
    return of_row(row)


def of_row(row: Any) -> Batch:
    """A row of `OF_ITEM`."""
    return Batch(*row)
