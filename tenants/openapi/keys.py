"""Keys: given to a member of the station, shown once, revoked for good."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.infra.crypto import Sealer
from tenants.buyers import queries as buyers
from tenants.openapi.errors import KeyGone, KeyNotForGuests

PLACE = "api_keys.secret"

INSERT = text("INSERT INTO api_keys (id, buyer_id, name, key, secret) VALUES (:id, :buyer_id, :name, :key, :secret)")
OF_BUYER = text(
    "SELECT id, name, key, created_at, used_at, revoked_at FROM api_keys WHERE buyer_id = :buyer_id ORDER BY id DESC"
)
BY_KEY = text("SELECT id, buyer_id, secret FROM api_keys WHERE key = :key AND revoked_at IS NULL")
# To the minute: a busy key does not write a row with each request.
USED = text(
    "UPDATE api_keys SET used_at = now() WHERE id = :id AND (used_at IS NULL OR used_at < now() - interval '1 minute')"
)
REVOKE = text(
    "UPDATE api_keys SET revoked_at = now() WHERE id = :id AND buyer_id = :buyer_id AND revoked_at IS NULL"
    " RETURNING name"
)


class Issued(Struct, frozen=True):
    """A new key with its secret, which nobody can read again."""

    id: UUID
    key: str
    secret: str


class Key(Struct, frozen=True):
    """A key without its secret."""

    id: UUID
    name: str
    key: str
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class Holder(Struct, frozen=True):
    """Whose key signed a request, and the secret to check it with."""

    id: UUID
    buyer_id: UUID
    secret: str


async def issue(session: AsyncSession, sealer: Sealer, buyer_id: UUID, name: str) -> Issued:
    """Raises `BuyerGone`, `KeyNotForGuests`."""
    buyer = await buyers.buyer(session, buyer_id)
    if buyer.kind != "member":
        raise KeyNotForGuests(field="key_name")
    made = Issued(ids.uuid7(), f"km_{secrets.token_hex(12)}", secrets.token_hex(32))
    sealed = sealer.seal(PLACE, made.id, made.secret)
    await session.execute(
        INSERT, {"id": made.id, "buyer_id": buyer_id, "name": name, "key": made.key, "secret": sealed}
    )
    return made


async def of_buyer(session: AsyncSession, buyer_id: UUID) -> Sequence[Key]:
    """All keys of a buyer, revoked ones too, newest first."""
    return [Key(*row) for row in await session.execute(OF_BUYER, {"buyer_id": buyer_id})]


async def revoke(session: AsyncSession, buyer_id: UUID, key_id: UUID) -> str:
    """Ends a key at once and for good; returns its name. Raises `KeyGone`, for a key that was revoked too."""
    name = (await session.execute(REVOKE, {"id": key_id, "buyer_id": buyer_id})).scalar_one_or_none()
    if name is None:
        raise KeyGone
    return str(name)


async def holder(session: AsyncSession, sealer: Sealer, key: str) -> Holder | None:
    """Who holds `key`, or None."""
    row = (await session.execute(BY_KEY, {"key": key})).one_or_none()
    return Holder(row.id, row.buyer_id, sealer.open(PLACE, row.id, bytes(row.secret))) if row else None


async def used(session: AsyncSession, key_id: UUID) -> None:
    await session.execute(USED, {"id": key_id})
