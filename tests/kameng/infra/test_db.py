"""Transactions outlive what happens to connections."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from tests.support.house import open_shop


def end_all_connections(settings: Settings) -> None:
    """As when PostgreSQL is started again. The application's own role may end its own sessions."""
    with psycopg.connect(settings.database_url, autocommit=True) as own:
        own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND pid <> pg_backend_pid()"
        )


async def test_connections_that_died_in_the_pool_are_replaced_without_a_word(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    buyer = await shop.buyer(wallet_cents=5_000)

    async def ask() -> int:
        async with shop.tenant.begin() as session:
            await session.execute(text("SELECT pg_sleep(0.05)"))
            return int((await session.execute(text("SELECT 1"))).scalar_one())

    await asyncio.gather(*(ask() for _ in range(8)))
    end_all_connections(runtime.settings)

    assert await asyncio.gather(*(ask() for _ in range(8))) == [1] * 8
    assert (await shop.buy(buyer)).state == "delivered"


async def test_a_connection_that_dies_in_the_middle_fails_its_transaction_and_no_other(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    with pytest.raises(Exception, match=r"terminat|closed|lost"):
        async with shop.tenant.begin() as session:
            await session.execute(text("SELECT 1"))
            end_all_connections(runtime.settings)
            await session.execute(text("SELECT 1"))

    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_transaction_that_raises_leaves_nothing(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    with pytest.raises(LookupError):
        async with shop.tenant.begin() as session:
            await session.execute(text("INSERT INTO notices (kind) VALUES ('x')"))
            raise LookupError
    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM notices"))).scalar_one() == 0
