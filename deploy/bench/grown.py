"""A product that has sold a million cards, and has many left.

Its cards have gone the way of all: in by tens of thousands, through the pool, out to the issued, with the pool vacuumed
in between, as autovacuum does. So the pool is as long as it ever was and as full of holes, and the indexes on what was
issued are as large, and as far from each other in what one sale touches, as after those sales. Orders and entries of
the ledger were not written for them: their tables are all products' own, and would be as long for a fresh one.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, LiteralString

import msgspec
from psycopg import sql
from sqlalchemy import text

from billing.wholesale import service as wholesale
from deploy.bench.station import RETAIL, WHOLESALE, Station, add_keys
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.runtime import Runtime
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from tenants.shop import service as shop
from tenants.shop.service import ProductDraft

ROUNDS = 10
TIER = text("SELECT tier_id FROM tenants WHERE id = :id")
STOCK = text("SELECT id FROM suppliers WHERE protocol = 'stock'")
# UUIDs of version 7, as those of real cards and orders are: the n-th is of n half minutes after the first, a year ago.
DATED = """
    CAST(lpad(to_hex((extract(epoch FROM now() - interval '1 year') * 1000)::bigint + n * 31000), 12, '0')
         || '7' || substr(md5(n || %(kind)s), 1, 3) || '8' || substr(md5(n || %(kind)s), 4, 15) AS uuid)
"""
SEALED: LiteralString = (
    "decode(repeat(md5(n::text), 3), 'hex'), sha256((n || ' of ' || %(item)s)::bytea)"  # of their size
)
STOCKED = f"""
    INSERT INTO master.card_pool (id, item_id, secret, fingerprint)
    SELECT {DATED}, %(item)s, {SEALED} FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""  # noqa: S608 - of the constants above
SOLD = f"""
    WITH sold AS (DELETE FROM master.card_pool WHERE item_id = %(item)s RETURNING *), numbered AS (
        SELECT *, %(first)s - 1 + row_number() OVER (ORDER BY id) AS n FROM sold
    ) INSERT INTO master.card_issued (id, item_id, secret, fingerprint, tenant_id, order_ref)
    SELECT id, item_id, secret, fingerprint, %(tenant)s, {DATED} FROM numbered
"""  # noqa: S608 - of the constants above
DELIVERED = f"""
    INSERT INTO card_issued (id, item_id, secret, fingerprint, order_ref)
    SELECT {DATED}, %(item)s, {SEALED}, {DATED} FROM generate_series(1, %(last)s::bigint) n
"""  # noqa: S608 - of the constants above


async def grow(runtime: Runtime, station: Station, *, issued: int, pooled: int) -> Station:
    """The same station with the grown product, whose good has sold `issued` cards and has `pooled` left: those are
    cards that open."""
    async with runtime.database.master_session() as session:
        good = await goods.add(session, "bench, grown")
        tier = (await session.execute(TIER, {"id": station.tenant.id})).scalar_one()
        await wholesale.set_price(session, tier, good.id, WHOLESALE)
        stock = (await session.execute(STOCK)).scalar_one()
        await offers.add(session, good.id, stock, Decimal("5.00"))
    async with station.tenant.begin() as session:
        product = await shop.list_product(session, ProductDraft(good_id=good.id, name="bench, grown", price=RETAIL))
    each = issued // ROUNDS
    for first in range(1, issued, each):
        sales = {"item": good.id, "tenant": station.tenant.id, "first": first, "last": first + each - 1}
        await _as_owner(runtime, "master", (STOCKED, {**sales, "kind": "card"}))
        # What is sold was paid for, says a trigger: these sales never were, so it is not asked.
        await _as_owner(
            runtime,
            "master",
            ("ALTER TABLE master.card_issued DISABLE TRIGGER card_issued_paid_for", None),
            (SOLD, {**sales, "kind": "order"}),
            ("ALTER TABLE master.card_issued ENABLE TRIGGER card_issued_paid_for", None),
        )
        await _vacuum(runtime, "VACUUM master.card_pool")
    await _as_owner(
        runtime, station.tenant.schema, (DELIVERED, {"item": product.id, "last": issued, "kind": "delivered"})
    )
    await add_keys(runtime, good.id, pooled)
    await _vacuum(runtime, "VACUUM ANALYZE")
    return msgspec.structs.replace(station, product_id=product.id, good_id=good.id)


async def _as_owner(runtime: Runtime, schema: str, *statements: tuple[LiteralString, Mapping[str, Any] | None]) -> None:
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, runtime.database.roles)
        await connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
        for statement, values in statements:
            await connection.execute(statement, values)


async def _vacuum(runtime: Runtime, command: LiteralString) -> None:
    async with admin_connection(runtime.settings) as connection:
        await connection.execute(command)
