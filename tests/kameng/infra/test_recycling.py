"""A connection that has served many tenants is replaced, between two transactions and never within one."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import RECYCLE_AFTER, Database
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant, begin_as
from tests.support.house import open_shop

PID = text("SELECT pg_backend_pid()")


@pytest.fixture
async def database(runtime: Runtime) -> AsyncIterator[Database]:
    """One connection, replaced after two tenants."""
    made = Database(structs.replace(runtime.settings, pool_size=1))
    made.recycle_after = 2
    yield made
    await made.close()


@pytest.fixture
async def tenants(runtime: Runtime) -> list[Tenant]:
    return [(await open_shop(runtime)).tenant for _ in range(3)]


async def pid_of(session: AsyncSession) -> int:
    return int((await session.execute(PID)).scalar_one())


async def served_by(database: Database, tenant: Tenant) -> int:
    async with begin_as(database, tenant.id) as session:
        return await pid_of(session)


async def test_a_connection_serves_so_many_tenants_and_the_next_one_another(
    database: Database, tenants: list[Tenant]
) -> None:
    first, second, third = tenants
    pids = [await served_by(database, one) for one in (first, first, first, second, third)]
    assert pids[0] == pids[1] == pids[2] == pids[3] != pids[4]


async def test_the_transaction_that_reaches_the_bound_is_not_disturbed(
    database: Database, tenants: list[Tenant]
) -> None:
    before = await served_by(database, tenants[0])
    async with begin_as(database, tenants[1].id) as session:
        await session.execute(text("INSERT INTO notices (kind) VALUES ('x')"))
        assert await pid_of(session) == before
    async with begin_as(database, tenants[1].id) as session:
        assert (await session.execute(text("SELECT count(*) FROM notices"))).scalar_one() == 1
        assert await pid_of(session) != before


async def test_a_new_connection_counts_anew(database: Database, tenants: list[Tenant]) -> None:
    first, second, third = tenants
    pids = [await served_by(database, one) for one in (first, second, third, third, first, second)]
    assert len(set(pids)) == 3
    assert pids[2] == pids[3] == pids[4]


async def test_the_process_uses_the_measured_bound(runtime: Runtime) -> None:
    assert runtime.database.recycle_after == RECYCLE_AFTER
