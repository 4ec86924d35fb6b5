"""Readiness is red while any station is behind, and says which part is away."""

import psycopg
import pytest
from msgspec import structs
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy import health
from deploy.migrations.history import load
from kameng.audit.service import record
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import roles_of
from kameng.infra.runtime import Runtime, running
from tests.support.house import open_shop


async def set_version(runtime: Runtime, tenant_id: int, version: int, state: str = "active") -> None:
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, roles_of(runtime.settings))
        await connection.execute(
            sql.SQL("UPDATE master.tenants SET version = %s, state = %s WHERE id = %s"), [version, state, tenant_id]
        )


async def test_a_station_that_is_behind_makes_readiness_red_until_it_is_migrated_or_closed(runtime: Runtime) -> None:
    shop, newest = await open_shop(runtime), len(load("tenant"))
    assert await health.ready(runtime) == {"database": "ok", "redis": "ok", "migrations": "ok"}

    await set_version(runtime, shop.tenant.id, 0)
    assert (await health.ready(runtime))[
        "migrations"
    ] == f"1 tenants stand below version {newest}; run `kameng migrate`."

    await set_version(runtime, shop.tenant.id, 0, "closed")
    assert (await health.ready(runtime))["migrations"] == "ok"
    await set_version(runtime, shop.tenant.id, newest)


async def test_readiness_is_looked_at_once_a_second(runtime: Runtime) -> None:
    shop, newest, now = await open_shop(runtime), len(load("tenant")), [100.0]
    ready = health.Readiness(runtime, clock=lambda: now[0])
    assert (await ready())["migrations"] == "ok"

    await set_version(runtime, shop.tenant.id, 0)
    now[0] += 0.9
    assert (await ready())["migrations"] == "ok"
    now[0] += 0.2
    assert "below version" in (await ready())["migrations"]
    await set_version(runtime, shop.tenant.id, newest)


async def test_doctor_names_stations_and_the_canary_that_failed(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    assert (await health.stations(runtime), await health.canary(runtime)) == ("ok", "ok")
    failed = (
        f"UPDATE master.tenants SET is_canary = true WHERE id = {shop.tenant.id};"  # noqa: S608 - our own number
        f"INSERT INTO master.migration_failures (tenant_id, version, error) VALUES ({shop.tenant.id}, 1, 'x')"
    )
    mended = (
        f"UPDATE master.tenants SET is_canary = false WHERE id = {shop.tenant.id};"  # noqa: S608
        f"DELETE FROM master.migration_failures WHERE tenant_id = {shop.tenant.id}"
    )

    await as_owner(runtime, failed)
    said = await health.stations(runtime), await health.canary(runtime)
    await as_owner(runtime, mended)

    assert said[0] == "1 stations failed; see `kameng migrate --status`."
    assert said[1] == f"The canary, station {shop.tenant.id}, failed: every run stops there."


async def test_doctor_names_the_chain_that_is_not_sound(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    async with shop.tenant.begin() as session:
        await record(session, "x", "staff.sign_in", "1")
    assert await health.audit(runtime) == "ok"
    change = "ALTER TABLE master.audit_log {0} TRIGGER USER; UPDATE master.audit_log SET actor = '{1}' WHERE {2};"
    mine = f"tenant_id = {shop.tenant.id}"
    restore = "ALTER TABLE master.audit_log ENABLE TRIGGER USER"

    await as_owner(runtime, change.format("DISABLE", "y", mine) + restore)
    said = await health.audit(runtime)
    await as_owner(runtime, change.format("DISABLE", "x", mine) + restore)

    assert said.startswith(f"Chain {shop.tenant.id}: line 1 ")
    assert await health.audit(runtime) == "ok"


async def as_owner(runtime: Runtime, statements: str) -> None:
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, roles_of(runtime.settings))
        await connection.execute(statements.encode(), prepare=False)


async def test_servers_that_are_away_are_named(runtime: Runtime) -> None:
    nowhere = structs.replace(
        runtime.settings,
        database_url="postgresql://nobody:x@127.0.0.1:1/kameng",
        redis_url="redis://127.0.0.1:1/0",
    )
    async with running(nowhere) as away:
        said = await health.ready(away)
        clock = await health.clock(away)

    assert said["database"].startswith("PostgreSQL does not answer")
    assert said["redis"].startswith("Redis does not answer")
    assert said["migrations"].startswith("The versions cannot be read")
    assert clock.startswith("The database's clock cannot be read")
    assert all("\n" not in sentence for sentence in said.values())


def test_the_login_role_needs_its_password_also_on_loopback(runtime: Runtime) -> None:
    with_another = make_conninfo(runtime.settings.database_url, password="wrong")

    with pytest.raises(psycopg.OperationalError, match="authentication"):
        psycopg.connect(with_another)
