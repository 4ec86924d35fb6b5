"""Reading what a station wants more of. Tenant session."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.stock.replenishment_errors import ReplenishmentGone

COLUMNS = """
    SELECT r.id, r.product_id, p.name AS product, r.state, r.cause, r.orders, r.suggested, r.quantity, r.supplier,
           r.note, r.received, r.made_by, r.created_at, r.ordered_at, r.settled_at
    FROM replenishments r JOIN products p ON p.id = r.product_id
"""
# For `kameng.web.paging.of_sql`: what is to be done first.
LINES = (
    COLUMNS
    + """
    WHERE (:words = '' OR p.name ILIKE :pattern OR r.supplier ILIKE :pattern) AND (:state = '' OR r.state = :state)
    ORDER BY r.state <> 'wanted', r.state NOT IN ('ordered', 'partial'), r.id DESC
    """
)
ONE = text(COLUMNS + " WHERE r.id = :id")
SOURCE = text("SELECT source FROM products WHERE id = :product")
OPEN = text("SELECT count(*) FROM replenishments WHERE state = 'wanted'")


class Replenishment(Struct, frozen=True):
    """Own cards that are wanted, ordered, or here. `orders`: who asked, and for how many."""

    id: int
    product_id: int
    product: str
    state: str
    cause: str
    orders: dict[str, int]
    suggested: int
    quantity: int
    supplier: str
    note: str
    received: int
    made_by: str
    created_at: datetime
    ordered_at: datetime | None
    settled_at: datetime | None


class Source(Struct, frozen=True):
    """Who supplies a product's cards, and in how many days."""

    supplier: str = ""
    lead_days: int = 1


def line(row: Any) -> Replenishment:
    """A row of `LINES`."""
    return Replenishment(*row)


async def find(session: AsyncSession, replenishment_id: int) -> Replenishment:
    """Raises `ReplenishmentGone`."""
    row = (await session.execute(ONE, {"id": replenishment_id})).one_or_none()
    if row is None:
        raise ReplenishmentGone
    return Replenishment(*row)


async def source(session: AsyncSession, product_id: int) -> Source:
    found = (await session.execute(SOURCE, {"product": product_id})).scalar_one_or_none()
    return msgspec.convert(found or {}, Source)


async def to_decide(session: AsyncSession) -> int:
    """How many wait for a person."""
    return int((await session.execute(OPEN)).scalar_one())
