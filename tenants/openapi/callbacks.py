"""A shop that gave an address with its order is told when the order's status has changed.

Signed as its own requests are, with the key that placed the order, and answered with `{"ok": true}`. What is told is
how the order stands now, so letters that come twice or late do no harm. Until it is answered it is told again, first
after seconds, then at growing distances for a day; the shop can always ask. Addresses that are not of the open Internet
are refused by the door for calls (`kameng.infra.http`), and not tried again.
"""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import text

from kameng.cards import reveals
from kameng.cards import service as cards
from kameng.core import clock
from kameng.infra.http import AddressForbidden, OutboundError, Reply
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from tenants.openapi import keys, signing, telling
from tenants.openapi.telling import STATUS
from tenants.orders import queries as orders
from tenants.orders.events import OrderMoved
from tenants.orders.states import State

log = structlog.get_logger()

TRIED_FOR = timedelta(days=1)
SOONEST_S, LATEST_S = 5.0, 3600.0
TIMEOUT_S = 10.0
MOST_BYTES = 16 << 10

WATCHED = text(
    """
    SELECT a.id, a.key_id, a.order_no, a.downstream_no, a.callback_url, a.trace_id, a.told, k.key, k.secret
    FROM api_orders a JOIN api_keys k ON k.id = a.key_id AND k.revoked_at IS NULL
    JOIN orders o ON o.no = a.order_no WHERE o.id = :order_id AND a.callback_url <> ''
    """
)
TOLD = text("UPDATE api_orders SET told = :status, told_at = now() WHERE id = :id")


class Letter(Struct, frozen=True):
    """What is to be told, and to whom."""

    number: int
    status: str
    url: str
    key: str
    secret: str
    body: bytes


@follows(OrderMoved, queue="callbacks")
async def tell(event: OrderMoved, tenant: Tenant | None, runtime: Runtime) -> None:
    """Tells it. Raises `Later` while nobody has acknowledged it."""
    if tenant is None or (letter := await _letter(runtime, tenant, event.order_id)) is None:
        return
    host = urlsplit(letter.url).hostname or ""
    trouble = await _send(runtime, letter)
    if trouble is None:
        async with tenant.begin() as session:
            await session.execute(TOLD, {"id": letter.number, "status": letter.status})
            if b'"fulfillment":{' in letter.body:
                await reveals.log_first(session, event.order_id, "", host)
        return
    age = clock.now() - event.at
    if isinstance(trouble, AddressForbidden) or age > TRIED_FOR:
        log.warning("callback_given_up", host=host, why=str(trouble))
        return
    raise Later(min(max(SOONEST_S, age.total_seconds() / 2), LATEST_S), str(trouble))


async def _letter(runtime: Runtime, tenant: Tenant, order_id: UUID) -> Letter | None:
    """None when nobody is to be told: no address, a key that was revoked, or a status that was told already."""
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        row = (await session.execute(WATCHED, {"order_id": order_id})).one_or_none()
        if row is None:
            return None
        order = await orders.order(session, order_id)
        held = await cards.issued(session, order_id) if order.state in telling.DELIVERED else []
    status = STATUS[State(order.state)]
    if status == row.told:
        return None
    said: dict[str, Any] = {
        "event": "order.status_changed",
        "order_id": row.id,
        "order_no": row.order_no,
        "downstream_order_no": row.downstream_no,
        "status": status,
        "timestamp": int(time.time()),
    }
    if row.trace_id:
        said["trace_id"] = row.trace_id
    if order.state in telling.DELIVERED and (came := telling.fulfillment(order, cards.reveal(sealer, held))):
        said["fulfillment"] = came
    secret = sealer.open(keys.PLACE, row.key_id, bytes(row.secret))
    return Letter(row.id, status, row.callback_url, row.key, secret, msgspec.json.encode(said))


async def _send(runtime: Runtime, letter: Letter) -> OutboundError | None:
    """None when it was acknowledged."""
    timestamp = str(int(time.time()))
    path = urlsplit(letter.url).path or "/"
    headers = {
        "content-type": "application/json",
        "Dujiao-Next-Api-Key": letter.key,
        "Dujiao-Next-Timestamp": timestamp,
        "Dujiao-Next-Signature": signing.sign(letter.secret, "POST", path, timestamp, letter.body),
    }
    try:
        reply = await runtime.outbound.request(
            "POST", letter.url, content=letter.body, headers=headers, timeout_s=TIMEOUT_S, max_body_bytes=MOST_BYTES
        )
        return None if _acknowledges(reply) else OutboundError(f"answered {reply.status} without ok")
    except OutboundError as error:
        return error


def _acknowledges(reply: Reply) -> bool:
    return reply.status == 200 and reply.json(dict[str, Any]).get("ok") is True
