"""Readiness is red while any station is behind, and says which part is away."""

import psycopg
import pytest
from msgspec import structs
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy import health
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
    shop = await open_shop(runtime)
    assert await health.ready(runtime) == {"database": "ok", "redis": "ok", "migrations": "ok"}

    await set_version(runtime, shop.tenant.id, 0)
    assert (await health.ready(runtime))["migrations"] == "1 tenants are behind; run `kameng migrate`."

    await set_version(runtime, shop.tenant.id, 0, "closed")
    assert (await health.ready(runtime))["migrations"] == "ok"
    await set_version(runtime, shop.tenant.id, 1)


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
