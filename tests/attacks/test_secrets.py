"""What must be secret is in no log, no table, no key of Redis and no error: card keys, passwords, keys, session ids."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from msgspec import structs
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from kameng.core import ids
from kameng.infra import settings as settings_door
from kameng.infra.admin import admin_connection
from kameng.infra.runtime import Runtime
from kameng.web import cookies as cookies_of_ours
from tests.support.browser_client import PASSWORD, OpenBrowser, browser
from tests.support.house import open_shop, work_off
from tests.support.processes import ROOT, SOURCES
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.tenants.storefront.gateway import KEY, Gateway, open_channel, running_gateway
from tests.tenants.storefront.steps import bought, member
from tests.tenants.storefront.test_payments import notify, pay_link, payment_of_order

__all__ = ["browser"]

BREAKS = """
import structlog
from kameng.infra import settings, telemetry
telemetry.configure(settings.read())
def open_card(card_key):
    raise ValueError("bug")
try:
    open_card("SECRET-CARD-KEY")
except ValueError:
    structlog.get_logger().exception("bug")
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


async def test_a_purchase_leaves_its_secrets_nowhere(
    runtime: Runtime,
    browser: OpenBrowser,
    gateway: Gateway,
    supplier: Supplier,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    own_key = f"OWN-{ids.code(12)}"
    with capture_logs() as said:
        stock = await open_shop(runtime, keys=[own_key], price="10.00")
        upstream = await open_shop(
            runtime, price="60.00", wholesale_price="55.00", supplier_url=supplier.url, supplier_sku="steam-50",
            supplier_secret=SUPPLIER_SECRET, supplier_cost="50.00",
        )  # fmt: skip
        channel = await open_channel(stock, gateway.url)
        guest = browser(stock.tenant)
        no = await bought(guest, stock, pay_method=str(channel))
        notice = await gateway.pay(await pay_link(guest, f"/orders/{no}"))
        assert (await notify(guest, channel, await payment_of_order(stock), notice)).text == "success"
        assert own_key in (await guest.get(f"/orders/{no}/keys.txt")).text
        buyer = await member(upstream, browser, wallet_cents=6_000)
        other_no = await bought(buyer, upstream)
        await work_off(runtime)
        bought_key = (await buyer.get(f"/orders/{other_no}/keys.txt")).text.strip()
    assert bought_key.startswith("SBX-")
    cookies = [who.client.cookies[cookies_of_ours.VISITOR] for who in (guest, buyer)]
    secrets = [own_key, bought_key, PASSWORD, KEY, SUPPLIER_SECRET, notice["sign"], *cookies]

    logs = f"{said} {caplog.text}"
    tables = [await contents(runtime, schema) for schema in ("master", stock.tenant.schema, upstream.tenant.schema)]
    redis = await everything_in_redis(runtime)
    assert "request" in logs
    for secret in secrets:
        assert secret not in logs
        assert secret.encode() not in redis
        for content in tables:
            assert secret not in content
            assert secret.encode().hex() not in content


async def test_an_error_of_the_database_does_not_tell_the_values(runtime: Runtime) -> None:
    with pytest.raises(DBAPIError) as error:
        async with runtime.database.master_session() as session:
            await session.execute(text("SELECT CAST(:hash AS text), 1 / 0"), {"hash": "SECRET-HASH"})

    assert "SECRET-HASH" not in str(error.value)


def test_a_traceback_on_a_terminal_does_not_tell_the_variables(runtime: Runtime) -> None:
    environ = settings_door.to_environ(structs.replace(runtime.settings, log_format="console", log_level="info"))

    done = subprocess.run(
        [sys.executable, "-c", BREAKS], env={**environ, **SOURCES}, cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert "ValueError" in done.stderr
    assert "SECRET-CARD-KEY" not in done.stderr


async def contents(runtime: Runtime, schema: str) -> str:
    """Every row of every table of a schema, as PostgreSQL writes it."""
    rows: list[str] = []
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(runtime.database.roles.owner)))
        tables = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        for (table,) in await tables.fetchall():
            name = sql.Identifier(schema, table)
            found = await connection.execute(sql.SQL("SELECT t::text FROM {} t").format(name))
            rows += [row[0] for row in await found.fetchall()]
    return "\n".join(rows)


async def everything_in_redis(runtime: Runtime) -> bytes:
    found: list[bytes] = []
    async for key in runtime.redis.scan_iter():
        found += [key, await runtime.redis.dump(key) or b""]
    return b"\n".join(found)
