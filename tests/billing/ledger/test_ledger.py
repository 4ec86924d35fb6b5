"""The ledger holds what it promises, whoever writes the SQL."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg import Error
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.deposits import service as deposits
from billing.ledger import queries, service
from billing.ledger.errors import DepositTooLow, KeyReused
from billing.ledger.service import MASTER, Line
from kameng.core import clock, ids
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import roles_of, sqlstate
from kameng.infra.runtime import Runtime
from tests.support.house import ledger_is_balanced, open_shop


async def test_a_transfer_that_does_not_sum_to_zero_fails_at_the_commit(runtime: Runtime) -> None:
    lines = [Line(MASTER, "master_bank", "", -100), Line(MASTER, "master_revenue", "", 99)]

    with pytest.raises(DBAPIError) as refused:
        async with runtime.database.master_session() as session:
            await service.post(session, ids.code(10), "test", "test", lines)

    assert sqlstate(refused.value) == "KM500"
    assert await ledger_is_balanced(runtime)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE master.ledger_entries SET amount_cents = 1",
        "DELETE FROM master.ledger_entries",
        "TRUNCATE master.ledger_entries CASCADE",
        "DELETE FROM master.ledger_transfers",
    ],
)
async def test_history_cannot_be_changed_even_by_its_owner(runtime: Runtime, statement: str) -> None:
    async with admin_connection(runtime.settings) as connection:
        with pytest.raises(Error) as refused:
            async with connection.transaction():
                await become_owner(connection, roles_of(runtime.settings))
                await connection.execute(statement.encode())
    assert refused.value.sqlstate == "KM403"


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ledger_entries SET amount_cents = 1", "INSERT INTO ledger_entries VALUES (1, 99, 1, 1, 5)"],
)
async def test_the_master_role_has_no_grant_to_write_entries(runtime: Runtime, statement: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with runtime.database.master_session() as session:
            await session.execute(text(statement))
    assert sqlstate(refused.value) == "42501"


async def test_the_same_key_is_the_same_transfer(runtime: Runtime) -> None:
    shop = await open_shop(runtime, deposit_cents=1_000)
    async with runtime.database.master_session() as session:
        first = await deposits.pay_in(session, shop.tenant.id, 500, "receipt-1")
    async with runtime.database.master_session() as session:
        again = await deposits.pay_in(session, shop.tenant.id, 500, "receipt-1")

    assert (first.replayed, again.replayed, again.transfer) == (False, True, first.transfer)
    assert await shop.deposit_cents() == 1_500


async def test_a_key_cannot_be_reused_for_something_else(runtime: Runtime) -> None:
    key = ids.code(12)
    lines = [Line(MASTER, "master_bank", "", -5), Line(MASTER, "master_revenue", "", 5)]
    async with runtime.database.master_session() as session:
        await service.post(session, key, "test", "one", lines)

    with pytest.raises(KeyReused):
        async with runtime.database.master_session() as session:
            await service.post(session, key, "test", "two", lines)


async def test_a_deposit_cannot_be_drawn_below_zero(runtime: Runtime) -> None:
    shop = await open_shop(runtime, deposit_cents=1_000)

    with pytest.raises(DepositTooLow):
        async with runtime.database.master_session() as session:
            await deposits.pay_in(session, shop.tenant.id, -1_001, "too much")

    assert await shop.deposit_cents() == 1_000


async def test_every_yuan_of_a_sale_is_on_the_ledger(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K"], price="10.00", wholesale_price="8.00")
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))

    async with shop.tenant.begin() as session:
        seen_by_owner = await queries.entries_of(session, str(placed.id))
    async with runtime.database.master_session() as session:
        all_lines = await queries.entries_of(session, str(placed.id))

    assert {(entry.account, entry.amount_cents) for entry in seen_by_owner} == {
        ("wallet", -1_000), ("revenue", 1_000), ("deposit", -800),
    }  # fmt: skip
    assert {(entry.account, entry.amount_cents) for entry in all_lines} == {
        ("wallet", -1_000), ("revenue", 1_000), ("card_stock", -500), ("supplier_cost", 500),
        ("master_revenue", 800), ("deposit", -800),
    }  # fmt: skip


@given(amounts=st.lists(st.integers(-5_000, 5_000).filter(bool), min_size=1, max_size=8))
@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_posted_the_balance_is_the_sum_of_the_entries_and_never_negative(
    runtime: Runtime, amounts: list[int]
) -> None:
    shop = await open_shop(runtime, deposit_cents=3_000)
    expected = 3_000
    for number, cents in enumerate(amounts):
        try:
            async with runtime.database.master_session() as session:
                await deposits.pay_in(session, shop.tenant.id, cents, f"change {number}")
            expected += cents
        except DepositTooLow:
            assert expected + cents < 0
    async with shop.tenant.begin() as session:
        entries = await session.execute(
            text(
                "SELECT coalesce(sum(e.amount_cents), 0) FROM ledger_entries e"
                " JOIN ledger_accounts a ON a.id = e.account_id WHERE a.kind = 'deposit'"
            )
        )
        assert entries.scalar_one() == expected
    assert await shop.deposit_cents() == expected


async def test_the_masters_day_counts_what_sales_brought_and_cost(runtime: Runtime) -> None:
    since = clock.now()
    shop = await open_shop(runtime, keys=["K"], price="10.00", wholesale_price="8.00")
    await shop.buy(await shop.buyer(wallet_cents=1_000))

    async with runtime.database.master_session() as session:
        day = await queries.master_day(session, since)
        hours = await queries.master_hours(session, since, clock.now(), "Asia/Shanghai")

    assert (day.sales, day.revenue_cents, day.cost_cents) == (1, 800, 500)
    assert [(sales, revenue) for _, sales, revenue in hours] == [(1, 800)]
