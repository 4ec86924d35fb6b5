"""Putting cards in, and handing them out. The caller opens the transaction, in the schema whose cards are meant."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.formats import MAX_SECRET_LENGTH
from kameng.core import ids
from kameng.infra.crypto import Sealer

__all__ = [
    "MAX_SECRET_LENGTH",
    "PLACE",
    "Fresh",
    "Import",
    "Sealed",
    "add",
    "are_known",
    "counts",
    "issued",
    "lock_item",
    "reveal",
    "seal_all",
]

PLACE = "cards.secret"

ADD = text(
    """
    INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents)
    SELECT card.id, :item_id, card.secret, card.fingerprint, :cost_cents
    FROM unnest(CAST(:ids AS uuid[]), CAST(:secrets AS bytea[]), CAST(:fingerprints AS bytea[]))
         AS card (id, secret, fingerprint)
    WHERE NOT EXISTS (SELECT 1 FROM card_issued i WHERE i.item_id = :item_id AND i.fingerprint = card.fingerprint)
    AND NOT EXISTS (SELECT 1 FROM card_held h WHERE h.item_id = :item_id AND h.fingerprint = card.fingerprint)
    AND NOT EXISTS (SELECT 1 FROM card_aside a WHERE a.item_id = :item_id AND a.fingerprint = card.fingerprint)
    ON CONFLICT (item_id, fingerprint) DO NOTHING
    """
)
# Whoever puts cards into an item's pool from elsewhere comes one after the other: what one has seen nowhere, another
# may just have added and a buyer taken. Sales take no part in it.
LOCK_ITEM = text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.cards', :item_id))")
KNOWN = text(
    """
    SELECT EXISTS (SELECT 1 FROM card_pool c WHERE c.item_id = :item_id AND c.fingerprint = ANY(:fingerprints))
        OR EXISTS (SELECT 1 FROM card_held c WHERE c.item_id = :item_id AND c.fingerprint = ANY(:fingerprints))
        OR EXISTS (SELECT 1 FROM card_issued c WHERE c.item_id = :item_id AND c.fingerprint = ANY(:fingerprints))
    """
)
COUNT = text("SELECT item_id, count(*) FROM card_pool WHERE item_id = ANY(:items) GROUP BY item_id")
ISSUED = text("SELECT id, secret FROM card_issued WHERE order_ref = :order_ref ORDER BY id")


class Sealed(Struct, frozen=True):
    """A card as it stands in a table."""

    id: UUID
    secret: bytes


class Import(Struct, frozen=True):
    """What became of the lines of an import."""

    added: int
    duplicates: int


async def add(session: AsyncSession, sealer: Sealer, item_id: int, lines: Iterable[str], cost_cents: int) -> Import:
    """Seals every non-empty line as one card of `item_id` that cost `cost_cents`; known secrets are passed over."""
    secrets = [line.strip() for line in lines if line.strip()]
    await lock_item(session, item_id)
    fresh = [ids.uuid7() for _ in secrets]
    result = await session.execute(
        ADD,
        {
            "item_id": item_id,
            "cost_cents": cost_cents,
            "ids": fresh,
            "secrets": [sealer.seal(PLACE, card, secret) for card, secret in zip(fresh, secrets, strict=True)],
            "fingerprints": [sealer.fingerprint(secret) for secret in secrets],
        },
    )
    added = result.rowcount  # type: ignore[attr-defined]  # an INSERT gives a CursorResult
    return Import(added=added, duplicates=len(secrets) - added)


async def lock_item(session: AsyncSession, item_id: int) -> None:
    """Holds the item against other imports and moves until the transaction ends. Read only after it what is there."""
    await session.execute(LOCK_ITEM, {"item_id": item_id})


async def are_known(session: AsyncSession, sealer: Sealer, item_id: int, secrets: Iterable[str]) -> bool:
    """Whether one of these is for sale, promised or sold as a card of the item. Until the commit nobody adds one."""
    await lock_item(session, item_id)
    asked = {"item_id": item_id, "fingerprints": [sealer.fingerprint(secret) for secret in secrets]}
    return bool((await session.execute(KNOWN, asked)).scalar_one())


async def counts(session: AsyncSession, items: Sequence[int]) -> dict[int, int]:
    """How many cards of each item are in the pool."""
    return {row[0]: row[1] for row in await session.execute(COUNT, {"items": list(items)})}


async def issued(session: AsyncSession, order_ref: UUID) -> Sequence[Sealed]:
    """The cards that an order holds, still sealed."""
    return [Sealed(row.id, bytes(row.secret)) for row in await session.execute(ISSUED, {"order_ref": order_ref})]


def reveal(sealer: Sealer, cards: Iterable[Sealed]) -> list[str]:
    """The secrets. Raises `kameng.infra.crypto.Unsealable` when a row was tampered with."""
    return [sealer.open(PLACE, card.id, card.secret) for card in cards]


class Fresh(Struct, frozen=True):
    """Cards sealed for a new place: three lists of equal length, as `unnest` takes them."""

    ids: list[UUID]
    secrets: list[bytes]
    fingerprints: list[bytes]


def seal_all(sealer: Sealer, secrets: Iterable[str]) -> Fresh:
    """Seals plain secrets under new ids, as an order of this scope is to hold them."""
    plain = list(secrets)
    fresh = [ids.uuid7() for _ in plain]
    return Fresh(
        ids=fresh,
        secrets=[sealer.seal(PLACE, card, secret) for card, secret in zip(fresh, plain, strict=True)],
        fingerprints=[sealer.fingerprint(secret) for secret in plain],
    )
