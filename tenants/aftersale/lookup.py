"""Opening an order in a browser that did not buy it: by its number, its contact and its query password.

A wrong number, contact or password, and an order without a password, are answered alike, after the same work. The
password is kept as an HMAC under the station's own key (docs/adr/0023): fast enough for the checkout, worthless to
whoever holds the table without the key; against guessing at the door stand the limits.
"""

import hmac
import re
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.form_fields import Secret
from tenants.aftersale.errors import NotFoundHere
from tenants.orders import passwords

BY_ADDRESS = Limit(name="lookup-address", attempts=20, per_s=900, fails_open=False)
BY_ORDER = Limit(name="lookup-order", attempts=6, per_s=900, fails_open=False)
REVEALING = Limit(name="lookup-reveal", attempts=10, per_s=3600, fails_open=False)
SEPARATORS = re.compile(r"[\s\-()]+")
NOBODYS = "0" * 64

FIND = text("SELECT id, no, buyer_id, contact, lookup_hash FROM orders WHERE no = :no")
REMEMBER = text("INSERT INTO order_lookups (order_id, act, address, agent) VALUES (:order_id, :act, :address, :agent)")


class Asked(Struct, frozen=True):
    """The form. Nothing in it has to look like anything: what is wrong is told apart from nothing."""

    order_no: Annotated[str, Meta(min_length=1, max_length=40)]
    contact: Annotated[str, Meta(min_length=1, max_length=100)]
    query_password: Secret


class Found(Struct, frozen=True):
    """The order that somebody was let in to."""

    id: UUID
    no: str
    buyer_id: UUID


async def find(runtime: Runtime, tenant: Tenant, address: str, asked: Asked) -> Found:
    """The order, if all three belong together. Raises `NotFoundHere`, `TooManyRequests`."""
    no = asked.order_no.strip().upper()
    by_order = f"{tenant.id}\n{no}"
    await ratelimit.take(runtime.redis, (BY_ADDRESS, f"{tenant.id}\n{address}"), (BY_ORDER, by_order))
    given = passwords.hash_of(await runtime.keyring.tenant(tenant.id), no, asked.query_password)
    async with tenant.begin() as session:
        row = (await session.execute(FIND, {"no": no})).one_or_none()
    kept, contact = (row.lookup_hash or NOBODYS, row.contact) if row else (NOBODYS, "")
    is_password = hmac.compare_digest(given, kept)
    is_contact = hmac.compare_digest(_folded(asked.contact).encode(), _folded(contact).encode())
    if row is None or not (is_password and is_contact):
        raise NotFoundHere
    await ratelimit.forget(runtime.redis, BY_ORDER, by_order)
    return Found(row.id, row.no, row.buyer_id)


async def granted(session: AsyncSession, no: str) -> Found:
    """The order of a grant. Raises `NotFoundHere` where it is gone."""
    row = (await session.execute(FIND, {"no": no})).one_or_none()
    if row is None:
        raise NotFoundHere
    return Found(row.id, row.no, row.buyer_id)


async def remember(session: AsyncSession, order_id: UUID, act: str, address: str, agent: str) -> None:
    """Writes down that somebody has `opened` the order, or `revealed` its cards, by its password."""
    await session.execute(REMEMBER, {"order_id": order_id, "act": act, "address": address, "agent": agent})


def _folded(contact: str) -> str:
    """As people mean it: `+86 138-0000-0000` is `13800000000`, `Li@QQ.com` is `li@qq.com`."""
    return SEPARATORS.sub("", contact).casefold().removeprefix("+86")
