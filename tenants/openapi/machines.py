"""Who signed a request: the guard of this door, and what it found out for the routes."""

import time
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.handlers.base import BaseRouteHandler
from msgspec import Struct

from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import context
from kameng.web.context import header
from kameng.web.guards import Closed, Connection
from tenants.openapi import keys, signing
from tenants.openapi.errors import BadSignature
from tenants.openapi.keys import Holder

MACHINE = "machine"  # key in scope["state"]
LONGEST_KEY = 64
# A shop that asks for ten orders a second is served; one that runs wild leaves room for the others.
BY_KEY = Limit(name="open-api", attempts=600, per_s=60, fails_open=True)
REFUSED = Limit(name="open-api-refused", attempts=60, per_s=60, fails_open=True)


class Machine(Struct, frozen=True):
    """A downstream shop: the key it signed with, and the buyer it buys as."""

    key_id: UUID
    buyer_id: UUID


async def signed_by_machine(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: the request is signed with a key of this very station. Raises `BadSignature`, `TooManyRequests`,
    `Closed`."""
    here = context.of(connection.scope)
    if here.tenant is None or not isinstance(connection, Request):
        raise BadSignature
    if not here.tenant.is_open:
        raise Closed
    runtime = here.kit.runtime
    holder = await _holder(runtime, here.tenant, connection)
    if holder is None:
        await ratelimit.take(runtime.redis, (REFUSED, f"{here.tenant.id}\n{here.address}"))
        raise BadSignature
    await ratelimit.take(runtime.redis, (BY_KEY, f"{here.tenant.id}\n{holder.id}"))
    connection.scope["state"][MACHINE] = Machine(holder.id, holder.buyer_id)


def provide_machine(request: Request[Any, Any, Any]) -> Machine:
    """For routes behind `signed_by_machine`."""
    machine: Machine = request.scope["state"][MACHINE]
    return machine


async def _holder(runtime: Runtime, tenant: Tenant, request: Request[Any, Any, Any]) -> Holder | None:
    key, sent, timestamp = (
        header(request.scope, name)
        for name in (b"dujiao-next-api-key", b"dujiao-next-signature", b"dujiao-next-timestamp")
    )
    if not key or len(key) > LONGEST_KEY or not signing.is_fresh(timestamp, time.time()):
        return None
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        holder = await keys.holder(session, sealer, key)
        if holder is None:
            return None
        expected = signing.sign(holder.secret, request.method, request.scope["path"], timestamp, await request.body())
        if not signing.matches(expected, sent):
            return None
        await keys.used(session, holder.id)
    return holder
