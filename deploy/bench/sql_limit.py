"""How many sales a second the database itself can take: the statements of one sale, word for word, sent by one process
over as many connections as the web process has."""

import asyncio
import time
from hashlib import sha256
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from deploy.bench.station import Station
from kameng.cards.service import Fresh
from kameng.core import clock, ids
from kameng.core.money import total_cents
from kameng.infra.db import ENTER
from kameng.infra.runtime import Runtime
from tenants.orders import opening, writing


async def measure(runtime: Runtime, station: Station, *, connections: int, seconds: float) -> float:
    """Sales per second over `seconds`."""
    clients = [
        await AsyncConnection.connect(runtime.settings.database_url, autocommit=True, row_factory=tuple_row)
        for _ in range(connections)
    ]
    role = runtime.database.roles.tenant(station.tenant.id)
    enter = ENTER.format(role=role, path=f"{station.tenant.schema},master").encode()
    began = time.perf_counter()
    until = began + seconds
    counts = await asyncio.gather(
        *(
            _sell(client, enter, station, station.buyers[number % len(station.buyers)], until)
            for number, client in enumerate(clients)
        )
    )
    took = time.perf_counter() - began
    for client in clients:
        await client.close()
    return sum(counts) / took


async def _sell(client: AsyncConnection[Any], enter: bytes, station: Station, buyer: Any, until: float) -> int:
    sold = 0
    while time.perf_counter() < until:
        order_id, now = ids.uuid7(), clock.now()
        asked = {
            "order_id": order_id,
            "product_id": station.product_id,
            "quantity": 1,
            "buyer_id": buyer,
            "request_key": ids.code(20),
            "channel_id": None,
            "stock": "claim",
            "admitted": False,
        }
        await client.execute(enter, prepare=False)
        row = await (await client.execute(opening.OPEN_SALE, asked)).fetchone()
        await client.execute(writing.PLACE_SOLD, _row(opening.opening_of(row or ()), asked, now))
        await client.commit()
        sold += 1
    return sold


def _row(seen: opening.Opening, asked: dict[str, Any], now: Any) -> dict[str, Any]:
    price, secrets = seen.wholesale_price or seen.price, seen.supply.card_secrets or []
    return {
        **asked,
        "id": asked["order_id"],
        "no": ids.order_no(now),
        "good_id": seen.good_id,
        "product_name": seen.product_name,
        "kind": seen.kind,
        "usage_note": seen.usage_note,
        "contact": "13800000000",
        "inputs": "{}",
        "unit_price": seen.price,
        "total_cents": total_cents(seen.price, 1),
        "discount_cents": 0,
        "coupon_id": None,
        "choice_cents": 0,
        "card_id": None,
        "fee_cents": 0,
        "settlement": seen.settlement,
        "wholesale_price": price,
        "wholesale_cents": total_cents(price, 1),
        "quote": seen.supply.basis,
        "cost_cents": 0,
        "pay_method": "wallet",
        "basket_no": "",
        "lookup_hash": None,
        "state": "delivered",
        "expires_at": None,
        "paid_at": now,
        "delivered_at": now,
        "delivered_quantity": 1,
        "due_at": None,
        "flags": '{"shop.guest_checkout":true}',
        **writing.card_values(
            Fresh([ids.uuid7() for _ in secrets], secrets, [sha256(one).digest() for one in secrets])
        ),
    }
