"""Invitations to work at a station (or the master): made, sent, taken up once, revoked.

A token is 256 random bits. It is shown once, to whoever invites; the letter carries another, made when it is sent;
the table knows only hashes of both. Taking up is one conditional UPDATE, so of several at once one succeeds.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.core.errors import Invalid, NotFound
from kameng.identity import roles
from kameng.identity.roles import Giver, place_of
from kameng.infra import outbox
from kameng.infra.outbox import Event

VALID_FOR = timedelta(days=7)
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
LONGEST_EMAIL = 200
LONGEST_ERROR = 300
SHOWN = 100

INSERT = text(
    """
    INSERT INTO invitations (id, tenant_id, role, email, name, token_hash, invited_by, invited_by_id, expires_at)
    VALUES (:id, :tenant_id, :role, :email, :name, :token_hash, :by, :by_id, :expires_at)
    """
)
COLUMNS = """
    SELECT i.id, i.tenant_id, i.role, r.name AS role_name, i.email, i.name, i.invited_by, i.created_at, i.expires_at,
           i.letter_at, i.letter_error, i.expires_at <= now() AS is_over
    FROM invitations i LEFT JOIN roles r ON r.id = i.role_id
"""
OPEN = text(
    COLUMNS + "WHERE i.place = :place AND i.accepted_at IS NULL AND i.revoked_at IS NULL"
    " ORDER BY i.created_at DESC LIMIT :limit"
)
ONE = text(COLUMNS + "WHERE i.place = :place AND i.id = :id AND i.accepted_at IS NULL AND i.revoked_at IS NULL")
BY_ID = text(COLUMNS + "WHERE i.id = :id AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()")
BY_TOKEN = text(
    COLUMNS + "WHERE i.place = :place AND (i.token_hash = :hash OR i.letter_hash = :hash)"
    " AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()"
)
RENEW = text(
    """
    UPDATE invitations SET token_hash = :token_hash, letter_hash = NULL, letter_at = NULL, letter_error = '',
        expires_at = :expires_at, invited_by = :by, invited_by_id = :by_id
    WHERE id = :id AND place = :place AND accepted_at IS NULL AND revoked_at IS NULL RETURNING id
    """
)
REVOKE = text(
    """
    UPDATE invitations SET revoked_at = now()
    WHERE id = :id AND place = :place AND accepted_at IS NULL AND revoked_at IS NULL RETURNING id
    """
)
REVOKE_BY = text(
    """
    UPDATE invitations SET revoked_at = now()
    WHERE invited_by_id = :staff_id AND place = :place AND accepted_at IS NULL AND revoked_at IS NULL
    """
)
TAKE = text(
    """
    UPDATE invitations SET accepted_at = now(), accepted_by = :staff_id
    WHERE id = :id AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > now() RETURNING id
    """
)
# The invitation with which a station was opened, whatever became of it.
FIRST = text(
    """
    SELECT DISTINCT ON (tenant_id) tenant_id, id, accepted_at IS NOT NULL AS is_accepted,
           accepted_at IS NULL AND revoked_at IS NULL AS is_open, letter_at, letter_error
    FROM invitations WHERE place = ANY(:tenant_ids) ORDER BY tenant_id, created_at, id
    """
)
SHOW_AGAIN = text(
    """
    UPDATE invitations SET token_hash = :hash, expires_at = greatest(expires_at, :expires_at)
    WHERE id = :id AND accepted_at IS NULL AND revoked_at IS NULL
    """
)
WRITE = text(
    """
    UPDATE invitations SET letter_hash = :hash WHERE id = :id
        AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > now() RETURNING id
    """
)
WRITTEN = text("UPDATE invitations SET letter_at = :at, letter_error = :error WHERE id = :id")


class InvitationGone(NotFound):
    """Never made, taken up, revoked or too old: which of them is not said."""

    message = "This invitation is not valid any more. Ask whoever invited you for a new one."


class Invited(Struct, frozen=True):
    """An invitation as it was made. `token` stands only here; the link with it is to be shown once."""

    id: UUID
    token: str
    expires_at: datetime


class Invitation(Struct, frozen=True):
    """An open invitation; `role_name` is that of a composed role. `is_over`: it can only be renewed or revoked."""

    id: UUID
    tenant_id: int | None
    role: str
    role_name: str | None
    email: str
    name: str
    invited_by: str
    created_at: datetime
    expires_at: datetime
    letter_at: datetime | None
    letter_error: str
    is_over: bool


class InvitationMade(Event, frozen=True):
    """Somebody is invited and has an e-mail address."""

    id: UUID


class First(Struct, frozen=True):
    """What became of the invitation with which a station was opened."""

    tenant_id: int
    id: UUID
    is_accepted: bool
    is_open: bool
    letter_at: datetime | None
    letter_error: str


async def invite(
    session: AsyncSession,
    *,
    tenant_id: int | None,
    role: str,
    email: str,
    name: str,
    by: str,
    by_id: UUID | None = None,
) -> Invited:
    """An invitation to `tenant_id` (None: the master) with `role`, a built-in one or `custom.<id>`. With an `email` a
    letter follows where SMTP is set up. Master session; whoever calls audits it, and has seen to it that the one who
    invites may give the role (`roles.Giver.check`). `by_id`: his account, if he works at the same place.

    Raises `Invalid` at `role` or `email`.
    """
    await roles.permissions_at(session, tenant_id, role)
    check_email(email)
    made = Invited(ids.uuid7(), secrets.token_urlsafe(32), clock.now() + VALID_FOR)
    await session.execute(
        INSERT,
        {
            "id": made.id,
            "tenant_id": tenant_id,
            "role": role,
            "email": email,
            "name": name,
            "token_hash": hashed(made.token),
            "by": by,
            "by_id": by_id,
            "expires_at": made.expires_at,
        },
    )
    if email:
        await outbox.record(session, InvitationMade(made.id))
    return made


def check_email(email: str) -> None:
    """Whether a letter could go there; none at all will do. Raises `Invalid`."""
    if email and not (EMAIL.fullmatch(email) and len(email) <= LONGEST_EMAIL):
        raise Invalid({"email": "This is not an e-mail address."})


async def renew(
    session: AsyncSession, tenant_id: int | None, invitation_id: UUID, *, by: str, by_id: UUID | None = None
) -> Invited:
    """Seven more days under a new token, and a new letter; links from before are worth nothing. It is the invitation of
    whoever renews it, since he has seen its link, and it ends when he leaves. `by` and `by_id` as for `invite`. Raises
    `InvitationGone`.
    """
    before = await one(session, tenant_id, invitation_id)
    made = Invited(invitation_id, secrets.token_urlsafe(32), clock.now() + VALID_FOR)
    values = {"id": made.id, "place": place_of(tenant_id), "token_hash": hashed(made.token)}
    values |= {"expires_at": made.expires_at, "by": by, "by_id": by_id}
    if (await session.execute(RENEW, values)).one_or_none() is None:
        raise InvitationGone
    if before.email:
        await outbox.record(session, InvitationMade(made.id))
    return made


async def first_of(session: AsyncSession, tenant_ids: Sequence[int]) -> dict[int, First]:
    """The first invitation of each of these stations, if it has any."""
    rows = await session.execute(FIRST, {"tenant_ids": list(tenant_ids)})
    return {row["tenant_id"]: First(**row) for row in rows.mappings()}


async def show_again(session: AsyncSession, invitation_ids: Sequence[UUID]) -> dict[UUID, str]:
    """A new token for each that is open, to be shown once: what was shown before is worth nothing then, while the link
    in a letter goes on to count. It is valid for seven days at least. No letter is sent.
    """
    tokens = {one: secrets.token_urlsafe(32) for one in invitation_ids}
    until = clock.now() + VALID_FOR
    if tokens:
        values = [{"id": one, "hash": hashed(token), "expires_at": until} for one, token in tokens.items()]
        await session.execute(SHOW_AGAIN, values)
    return tokens


async def revoke(session: AsyncSession, tenant_id: int | None, invitation_id: UUID, by: Giver) -> Invitation:
    """Returns what was revoked. Raises `InvitationGone`, `BeyondOwn` unless `by` could give the role himself."""
    before = await one(session, tenant_id, invitation_id)
    by.check(await roles.permissions_at(session, tenant_id, before.role))
    values = {"id": invitation_id, "place": place_of(tenant_id)}
    if (await session.execute(REVOKE, values)).one_or_none() is None:
        raise InvitationGone
    return before


async def revoke_all_by(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> None:
    """The open invitations of somebody who leaves."""
    await session.execute(REVOKE_BY, {"staff_id": staff_id, "place": place_of(tenant_id)})


async def pending(session: AsyncSession, tenant_id: int | None) -> list[Invitation]:
    """The newest hundred that were neither taken up nor revoked, newest first."""
    rows = await session.execute(OPEN, {"place": place_of(tenant_id), "limit": SHOWN})
    return [Invitation(**row) for row in rows.mappings()]


async def one(session: AsyncSession, tenant_id: int | None, invitation_id: UUID) -> Invitation:
    """Raises `InvitationGone`."""
    return await _find(session, ONE, {"place": place_of(tenant_id), "id": invitation_id})


async def of_token(session: AsyncSession, tenant_id: int | None, token: str) -> Invitation:
    """The invitation that a link leads to, on the host of this place. Raises `InvitationGone`."""
    return await _find(session, BY_TOKEN, {"place": place_of(tenant_id), "hash": hashed(token)})


async def valid(session: AsyncSession, invitation_id: UUID) -> Invitation:
    """Raises `InvitationGone`."""
    return await _find(session, BY_ID, {"id": invitation_id})


async def take_up(session: AsyncSession, invitation_id: UUID, staff_id: UUID) -> None:
    """Uses it for this account. Raises `InvitationGone`, so that whatever else the transaction did is undone."""
    values = {"id": invitation_id, "staff_id": staff_id}
    if (await session.execute(TAKE, values)).one_or_none() is None:
        raise InvitationGone


async def write_letter(session: AsyncSession, invitation_id: UUID) -> str:
    """A token for the letter, in place of that of a letter before it. Raises `InvitationGone`."""
    token = secrets.token_urlsafe(32)
    if (await session.execute(WRITE, {"id": invitation_id, "hash": hashed(token)})).one_or_none() is None:
        raise InvitationGone
    return token


async def note_letter(session: AsyncSession, invitation_id: UUID, error: str = "") -> None:
    """Whether the letter is on its way, or why not, for the page that lists invitations."""
    at = None if error else clock.now()
    await session.execute(WRITTEN, {"id": invitation_id, "at": at, "error": error[:LONGEST_ERROR]})


def hashed(token: str) -> bytes:
    """32 bytes; the token is random, so it needs no salt."""
    return hashlib.sha256(token.encode()).digest()


async def _find(session: AsyncSession, statement: TextClause, values: dict[str, object]) -> Invitation:
    row = (await session.execute(statement, values)).mappings().one_or_none()
    if row is None:
        raise InvitationGone
    return Invitation(**row)
