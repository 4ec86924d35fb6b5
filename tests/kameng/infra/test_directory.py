"""Which tenant answers at a host, with and without a database."""

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest
from msgspec import structs
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import Database
from kameng.infra.directory import STALE_S, TTL_S, Directory
from kameng.infra.runtime import Runtime
from tests.support.house import open_shop
from tests.support.processes import free_port


async def test_who_is_known_is_known_on_while_the_database_is_away_but_not_for_ever(runtime: Runtime) -> None:
    tenant = (await open_shop(runtime)).tenant
    now = [100.0]
    directory = Directory(runtime.database, clock=lambda: now[0])
    known = await directory.at_host(tenant.host)
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/{runtime.database.roles.database}"
    directory.database = Database(structs.replace(runtime.settings, database_url=nowhere))

    now[0] += TTL_S + 1
    while_away = await directory.at_host(tenant.host)
    with pytest.raises(OperationalError):
        await directory.at_host("never-seen.localhost")
    now[0] += STALE_S + 1
    with pytest.raises(OperationalError):
        await directory.at_host(tenant.host)
    await directory.database.close()

    assert known is not None
    assert while_away == known


class Counted(Database):
    """A database that counts how often the master's tables are asked."""

    asked = 0

    def master_session(self) -> AbstractAsyncContextManager[AsyncSession]:
        self.asked += 1
        return super().master_session()


async def test_however_many_ask_for_a_host_at_once_it_is_read_once_and_again_after_a_change(runtime: Runtime) -> None:
    tenant = (await open_shop(runtime)).tenant
    database = Counted(runtime.settings)
    directory = Directory(database)

    at_once = await asyncio.gather(*(directory.at_host(tenant.host) for _ in range(20)))
    asked_once = database.asked
    directory.forget()
    again = await asyncio.gather(*(directory.at_host(tenant.host) for _ in range(20)))
    await database.close()

    assert {one.id for one in at_once + again if one} == {tenant.id}
    assert (asked_once, database.asked) == (1, 2)
