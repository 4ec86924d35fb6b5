"""Station B: it has a row of everything, its numbers are its own, and its secrets can be told from everybody else's."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql
from sqlalchemy import text

from billing.payments import service as payments
from billing.payments.service import ChannelDraft
from kameng.core import ids
from kameng.identity import staff
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.buyers import service as buyers
from tenants.buyers.service import Registration
from tenants.notices import service as notices
from tenants.openapi import keys, numbers
from tenants.openapi.numbers import Ordered
from tests.isolation import belongings
from tests.support.house import Shop, open_shop

OWN_NUMBERS_FROM = 700_000_000  # so that no number of B is also one of A
PASSWORD = "correct horse battery"
CHEAP = Passwords.cheap()

IDENTITIES = """
    SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' AND a.attidentity <> ''
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"
WITH_TENANT = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relnamespace = 'master'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""
SUPPLY = text(
    "SELECT o.id AS offer_id, o.supplier_id, p.tier_id FROM offers o JOIN tier_prices p ON p.good_id = o.good_id"
    " WHERE o.good_id = :good_id"
)
BUY = text(
    """
    INSERT INTO purchases (id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id, sku, quantity,
                           max_unit_cost, state, lease_until)
    VALUES (:id, :reference, :tenant_id, :order_id, :no, :good_id, :offer_id, :supplier_id, 'b', 1, 1, 'failed', now())
    """
)
# What anybody may add to at any station by simply being there.
PASSING = {"outbox"}


class Victim(Struct, frozen=True, kw_only=True):
    """`values` are B's ids by the names that routes give their parameters and forms their fields; `private` are words
    that only B's people may read, `public` those that B shows on its own hosts; `owner` and `buyer` are logins."""

    shop: Shop
    values: Mapping[str, Sequence[str]]
    private: Sequence[str]
    public: Sequence[str]
    owner: str
    buyer: str
    machine: keys.Issued

    async def rows(self, admin_url: str) -> dict[str, set[str]]:
        """Every row that is B's, in its schema and in the master's, as text by table."""
        schema = self.shop.tenant.schema
        found: dict[str, set[str]] = {}
        async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as connection:
            for (table,) in await (await connection.execute(TABLES, [schema])).fetchall():
                found[table] = await _rows(connection, schema, table, sql.SQL("true"))
            mine = sql.SQL("tenant_id = {}").format(sql.Literal(self.shop.tenant.id))
            for (table,) in await (await connection.execute(WITH_TENANT)).fetchall():
                if table not in PASSING:
                    found[f"master.{table}"] = await _rows(connection, "master", table, mine)
            me = sql.SQL("id = {}").format(sql.Literal(self.shop.tenant.id))
            found["master.tenants"] = await _rows(connection, "master", "tenants", me)
        return found


async def open_victim(runtime: Runtime) -> Victim:
    """Opens B."""
    mark = ids.code(8)
    shop = await open_shop(runtime, keys=[f"KEY-{mark}-{n}" for n in range(6)])
    await _count_from_afar(runtime, shop)
    named = ("login", "contact", "product", "channel", "merchant", "owner", "key", "reference")
    names = {what: f"B-{what}-{mark}" for what in named}
    async with shop.tenant.begin() as session:
        # The product was listed before the numbers moved.
        await session.execute(text("UPDATE products SET id = DEFAULT, name = :name"), {"name": names["product"]})
        product_id = (await session.execute(text("SELECT id FROM products"))).scalar_one()
    shop = Shop(runtime=runtime, tenant=shop.tenant, good_id=shop.good_id, product_id=product_id)
    buyer = await buyers.register(
        shop.tenant, CHEAP, Registration(login=names["login"], password=PASSWORD, contact=names["contact"])
    )
    sealer = await runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await session.execute(text("SELECT post_topup('first', 'b', :b, 9000)"), {"b": str(buyer.id)})
        channel = await payments.add_channel(
            session,
            sealer,
            ChannelDraft(
                provider="epay", name=names["channel"], base_url="http://127.0.0.1:9", merchant_id=names["merchant"],
                secret="secret",
            ),
        )  # fmt: skip
        payment = await payments.open_payment(session, buyer.id, channel.id, 500, "topup", "")
        await notices.tell(session, "order_waits", mark, reason="out_of_stock")
        notice_id = (await session.execute(text("SELECT id FROM notices"))).scalar_one()
        issued = await keys.issue(session, sealer, buyer.id, names["key"])
    placed = await shop.buy(buyer.id)
    async with shop.tenant.begin() as session:
        number = await numbers.remember(
            session, Ordered(key_id=issued.id, order_no=placed.no, downstream_no=f"D-{mark}")
        )
    login = f"owner-{mark}".lower()
    async with runtime.database.master_session() as session:
        supply = (await session.execute(SUPPLY, {"good_id": shop.good_id})).one()
        bought = {"id": ids.uuid7(), "reference": names["reference"], "tenant_id": shop.tenant.id, "no": placed.no}
        bought |= {"order_id": placed.id, "good_id": shop.good_id, "offer_id": supply.offer_id}
        await session.execute(BUY, bought | {"supplier_id": supply.supplier_id})
        owner_id = await staff.create_staff(
            session, login, names["owner"], PASSWORD, shop.tenant.id, Role.OWNER, hasher=CHEAP
        )
    (card,) = await shop.keys(placed.id)
    more = await belongings.give(runtime, shop, owner_id, mark)
    return Victim(
        shop=shop,
        values={
            "product_id": [str(product_id)],
            "buyer_id": [str(buyer.id)],
            "channel_id": [str(channel.id)],
            "notice_id": [str(notice_id)],
            "no": [placed.no, payment.no],
            "key_id": [str(issued.id)],
            "number": [str(number)],
            "staff_id": [str(owner_id)],
            "tenant_id": [str(shop.tenant.id)],
            "good_id": [str(shop.good_id)],
            "tier_id": [str(supply.tier_id)],
            "offer_id": [str(supply.offer_id)],
            "supplier_id": [str(supply.supplier_id)],
            "reference": [names["reference"]],
            **more.values,
        },
        private=[
            names["login"], names["contact"], names["merchant"], names["owner"], names["key"], login, card,
            placed.no, payment.no, issued.key, issued.secret, f"D-{mark}", *more.private,
        ],
        public=[names["product"], names["channel"]],
        owner=login,
        buyer=names["login"],
        machine=issued,
    )  # fmt: skip


async def _count_from_afar(runtime: Runtime, shop: Shop) -> None:
    """Every table of B that numbers its rows does so from far above A's."""
    schema = shop.tenant.schema
    async with await psycopg.AsyncConnection.connect(runtime.settings.admin_url, autocommit=True) as connection:
        for table, column in await (await connection.execute(IDENTITIES, [schema])).fetchall():
            await connection.execute(
                sql.SQL("ALTER TABLE {} ALTER COLUMN {} RESTART WITH {}").format(
                    sql.Identifier(schema, table), sql.Identifier(column), sql.Literal(OWN_NUMBERS_FROM)
                )
            )


async def _rows(connection: psycopg.AsyncConnection[Any], schema: str, table: str, where: sql.Composable) -> set[str]:
    asked = sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE ").format(sql.Identifier(schema, table)) + where
    return {row[0] for row in await (await connection.execute(asked)).fetchall()}
