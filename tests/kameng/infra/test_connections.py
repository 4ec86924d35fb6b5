"""Connections are kept between transactions, and nobody meets what another has left on one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import structs
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from kameng.infra.db import Database
from kameng.infra.driver import driver
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant, begin_as
from tests.support.house import open_shop

PID = text("SELECT pg_backend_pid()")
LEAVE = text("INSERT INTO notices (kind) VALUES ('left')")
LEFT = text("SELECT count(*) FROM notices WHERE kind = 'left'")


@pytest.fixture
async def database(runtime: Runtime) -> AsyncIterator[Database]:
    """One connection, so that whoever comes next gets the one that was left."""
    made = Database(structs.replace(runtime.settings, pool_size=1))
    yield made
    await made.close()


@pytest.fixture
async def tenant(runtime: Runtime) -> Tenant:
    return (await open_shop(runtime)).tenant


async def left_and_whose(database: Database, tenant: Tenant) -> tuple[int, str]:
    async with begin_as(database, tenant.id) as session:
        left = (await session.execute(LEFT)).scalar_one()
        return int(left), str((await session.execute(text("SELECT current_user"))).scalar_one())


async def pid(database: Database, tenant: Tenant) -> int:
    async with begin_as(database, tenant.id) as session:
        return int((await session.execute(PID)).scalar_one())


async def test_one_transaction_after_the_other_is_served_by_the_same_backend(
    database: Database, tenant: Tenant
) -> None:
    assert len({await pid(database, tenant) for _ in range(5)}) == 1


@pytest.mark.parametrize("by_driver", [True, False])
async def test_who_is_cut_off_in_the_middle_of_a_statement_leaves_nothing(
    database: Database, runtime: Runtime, tenant: Tenant, by_driver: bool
) -> None:
    other = (await open_shop(runtime)).tenant
    is_under_way = asyncio.Event()

    async def slow() -> None:
        async with begin_as(database, tenant.id) as session:
            await session.execute(LEAVE)
            is_under_way.set()
            if by_driver:
                await driver(session).execute("SELECT pg_sleep(600)")
            await session.execute(text("SELECT pg_sleep(600)"))

    task = asyncio.create_task(slow())
    await is_under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await left_and_whose(database, other) == (0, database.roles.tenant(other.id))
    assert await left_and_whose(database, tenant) == (0, database.roles.tenant(tenant.id))


async def test_what_the_database_refuses_costs_no_connection(database: Database, tenant: Tenant) -> None:
    before = await pid(database, tenant)
    with pytest.raises(IntegrityError):
        async with begin_as(database, tenant.id) as session:
            await session.execute(text("INSERT INTO notices (kind) VALUES (NULL)"))

    assert await pid(database, tenant) == before


async def test_who_waits_too_long_for_a_connection_hears_so_and_the_next_one_has_it(
    database: Database, tenant: Tenant
) -> None:
    database.connections.wait_s = 0.05
    async with begin_as(database, tenant.id):
        with pytest.raises(PoolExhausted):
            await pid(database, tenant)

    assert await pid(database, tenant) > 0


async def test_who_gives_up_waiting_takes_no_connection_with_him(database: Database, tenant: Tenant) -> None:
    async with begin_as(database, tenant.id):
        waiting = [asyncio.create_task(pid(database, tenant)) for _ in range(3)]
        await asyncio.sleep(0)  # all three have asked
        waiting[0].cancel()

    assert len(set(await asyncio.gather(*waiting[1:]))) == 1
