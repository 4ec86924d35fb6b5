"""Who has seen a secret in clear."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ADD = text(
    "INSERT INTO card_reveals (card_id, order_ref, kind, act, name, address)"
    " VALUES (:card_id, :order_ref, :kind, :act, :name, :address)"
)
FIRST = text(
    "INSERT INTO card_reveals (order_ref, kind, act, name, address)"
    " VALUES (:order_ref, 'buyer', 'shown', :name, :address)"
    " ON CONFLICT (order_ref) WHERE kind = 'buyer' AND act = 'shown' AND card_id IS NULL DO NOTHING"
)
OF_CARD = text(
    "SELECT kind, act, name, address, at FROM (SELECT * FROM card_reveals WHERE card_id = :card_id"
    " UNION ALL SELECT * FROM card_reveals WHERE order_ref = :order_ref AND card_id IS NULL) found"
    " ORDER BY id DESC LIMIT :limit"
)
OF_ORDER = text(
    "SELECT kind, act, name, address, at FROM card_reveals WHERE order_ref = :order_ref ORDER BY id DESC LIMIT :limit"
)
MOST = 100


class Reveal(Struct, frozen=True):
    """`kind`: staff or buyer. `act`: shown on a page, taken as a file, or shown to whoever knew the query password."""

    kind: str
    act: str
    name: str
    address: str
    at: datetime


async def log(
    session: AsyncSession,
    kind: Literal["staff", "buyer"],
    act: Literal["shown", "file", "lookup"],
    name: str,
    address: str,
    *,
    card_id: UUID | None = None,
    order_ref: UUID | None = None,
) -> None:
    """Somebody sees one card, or all cards of an order, in clear."""
    values = {"card_id": card_id, "order_ref": order_ref, "kind": kind, "act": act, "name": name, "address": address}
    await session.execute(ADD, values)


async def log_first(session: AsyncSession, order_ref: UUID, name: str, address: str) -> None:
    """The buyer sees the keys of an order. Written the first time only."""
    await session.execute(FIRST, {"order_ref": order_ref, "name": name, "address": address})


async def of_card(session: AsyncSession, card_id: UUID, order_ref: UUID | None) -> Sequence[Reveal]:
    """Newest first: of this card, and of all cards of its order."""
    values = {"card_id": card_id, "order_ref": order_ref, "limit": MOST}
    return [Reveal(*row) for row in await session.execute(OF_CARD, values)]


async def of_order(session: AsyncSession, order_ref: UUID) -> Sequence[Reveal]:
    """Newest first."""
    return [Reveal(*row) for row in await session.execute(OF_ORDER, {"order_ref": order_ref, "limit": MOST})]
