"""The one OpenID provider of this deployment, as the master has set it; and whose identities are whose.

An identity is the pair of issuer and subject. It is linked by somebody who is signed in, or with an invitation, never
because an e-mail address is the same. Master session.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Conflict
from kameng.infra.crypto import Sealer

PLACE = "identity_providers.client_secret"
ROW = 1

FIND = text("SELECT name, issuer, client_id, client_secret, is_active, changed_at FROM identity_providers")
NAME = text("SELECT name FROM identity_providers WHERE is_active")
SAVE = text(
    """
    INSERT INTO identity_providers (name, issuer, client_id, client_secret, is_active)
    VALUES (:name, :issuer, :client_id, :client_secret, :is_active)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, issuer = excluded.issuer, client_id = excluded.client_id,
        client_secret = excluded.client_secret, is_active = excluded.is_active, changed_at = now()
    """
)
OF_IDENTITY = text("SELECT staff_id FROM identities WHERE issuer = :issuer AND subject = :subject")
OF_STAFF = text(
    "SELECT issuer, subject, label, linked_at FROM identities WHERE staff_id = :staff_id ORDER BY linked_at"
)
LINK = text("INSERT INTO identities (issuer, subject, staff_id, label) VALUES (:issuer, :subject, :staff_id, :label)")
UNLINK = text("DELETE FROM identities WHERE staff_id = :staff_id RETURNING label")


class IdentityTaken(Conflict):
    """The identity is linked to another account, or the account to another identity of this issuer."""

    message = "This identity belongs to another account, or your account to another identity. Unlink that one first."


class Provider(Struct, frozen=True):
    """`client_secret` in the clear: it stays in the process."""

    name: str
    issuer: str
    client_id: str
    client_secret: str
    is_active: bool
    changed_at: datetime


class Identity(Struct, frozen=True):
    """A linked identity; `label` is what the provider calls the person."""

    issuer: str
    subject: str
    label: str
    linked_at: datetime


async def find(session: AsyncSession, sealer: Sealer) -> Provider | None:
    """The provider, active or not. `sealer` is the master's."""
    row = (await session.execute(FIND)).one_or_none()
    if row is None:
        return None
    secret = sealer.open(PLACE, ROW, bytes(row.client_secret))
    return Provider(row.name, row.issuer, row.client_id, secret, row.is_active, row.changed_at)


async def active_name(session: AsyncSession) -> str:
    """What sign-in pages call the provider; empty where nobody signs in by one."""
    return str((await session.execute(NAME)).scalar_one_or_none() or "")


async def save(
    session: AsyncSession, sealer: Sealer, name: str, issuer: str, client_id: str, client_secret: str, *, active: bool
) -> None:
    """Sets the provider. Identities of an issuer before it stay, and are of use again when it returns."""
    await session.execute(
        SAVE,
        {
            "name": name,
            "issuer": issuer,
            "client_id": client_id,
            "client_secret": sealer.seal(PLACE, ROW, client_secret),
            "is_active": active,
        },
    )


async def owner_of(session: AsyncSession, issuer: str, subject: str) -> UUID | None:
    """The account that this identity is linked to."""
    values = {"issuer": issuer, "subject": subject}
    found: UUID | None = (await session.execute(OF_IDENTITY, values)).scalar_one_or_none()
    return found


async def linked(session: AsyncSession, staff_id: UUID) -> list[Identity]:
    """The identities of an account."""
    return [Identity(*row) for row in await session.execute(OF_STAFF, {"staff_id": staff_id})]


async def link(session: AsyncSession, staff_id: UUID, issuer: str, subject: str, label: str) -> None:
    """Raises `IdentityTaken`."""
    values = {"issuer": issuer, "subject": subject, "staff_id": staff_id, "label": label[:200]}
    try:
        async with session.begin_nested():
            await session.execute(LINK, values)
    except IntegrityError as error:
        raise IdentityTaken from error


async def unlink(session: AsyncSession, staff_id: UUID) -> int:
    """Forgets the identities of an account; how many there were."""
    return len((await session.execute(UNLINK, {"staff_id": staff_id})).all())
