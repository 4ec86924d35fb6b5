"""One-time tickets: how somebody who is known on one of our hosts becomes known on another.

A ticket is 256 random bits, lives 30 seconds in Redis under a hash of them, and is kept by the station it leads to, so
on any other host it is not there. Redeeming is one GETDEL: of two who try, one succeeds.
"""

import hashlib
import secrets
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from kameng.core.errors import Forbidden
from kameng.identity.roles import place_of

LIVES_S = 30


class TicketGone(Forbidden):
    """Used, too old, made up, or for another host: which of them is not said."""

    message = "This link has been used or is too old. Go back and try again."


class Switch(Struct, frozen=True, tag="switch"):
    """Somebody who works at both places goes from one to the other."""

    staff_id: UUID


class Visit(Struct, frozen=True, tag="visit"):
    """The operator enters a station's console."""

    staff_id: UUID
    visit_id: UUID


class Proof(Struct, frozen=True, kw_only=True, tag="proof"):
    """A provider has said who somebody is, and what he wanted with it: to sign in, to take up an invitation, to link
    the identity to his own account. `browser` is the hash of a secret that the browser holds in which this began.
    """

    issuer: str
    subject: str
    label: str
    wish: Literal["sign_in", "join", "link"]
    browser: str
    staff_id: UUID | None = None
    invitation_id: UUID | None = None
    next: str = ""


Ticket = Switch | Visit | Proof


async def issue(redis: Redis, tenant_id: int | None, ticket: Ticket) -> str:
    """The token that is worth `ticket` on the host of this station (None: the master)."""
    token = secrets.token_urlsafe(32)
    await redis.set(_key(tenant_id, token), msgspec.msgpack.encode(ticket), ex=LIVES_S)
    return token


async def redeem(redis: Redis, tenant_id: int | None, token: str) -> Ticket:
    """Raises `TicketGone`."""
    stored = await redis.getdel(_key(tenant_id, token))
    if not isinstance(stored, bytes):
        raise TicketGone
    ticket: Ticket = msgspec.msgpack.decode(stored, type=Ticket)
    return ticket


def _key(tenant_id: int | None, token: str) -> str:
    return f"ticket:{place_of(tenant_id)}:{hashlib.sha256(token.encode()).hexdigest()}"
