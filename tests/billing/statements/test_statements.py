"""Sums by day are what the entries say, a statement adds up, and its files hold the same."""

import csv
import io
from datetime import timedelta

from openpyxl import load_workbook
from sqlalchemy import text

from billing.statements import queries, service, tasks
from kameng.identity.permissions import Role
from kameng.infra.admin import owner_session
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, clients, sign_in
from tests.billing.aging import age
from tests.billing.payouts.test_withdrawing import ask, book, set_terms
from tests.support.house import Shop, open_shop
from tests.support.staff_client import text_of

__all__ = ["clients", "sign_in"]
PATH = "/console/statements"


async def earning(runtime: Runtime) -> Shop:
    """A station with movements forty days ago, ten days ago and today."""
    shop = await open_shop(runtime, deposit_cents=50_000)
    await book(shop, "collected", 10_000)
    await book(shop, "collected", -8_000, "sale")
    await age(shop, 30)
    await book(shop, "earnings", 20_000, "release")
    await age(shop, 10)
    await book(shop, "collected", 700)
    return shop


async def of(shop: Shop, days_ago: int, until_ago: int = 0) -> queries.Statement:
    today = queries.today()
    async with shop.tenant.begin() as session:
        return await queries.statement(
            session, shop.tenant.id, today - timedelta(days=days_ago), today - timedelta(days=until_ago)
        )


async def test_a_statement_opens_where_the_one_before_closed_and_ends_at_the_ledgers_balance(runtime: Runtime) -> None:
    shop = await earning(runtime)

    before, now = await of(shop, 60, 11), await of(shop, 10)

    for earlier, later in zip(before.accounts, now.accounts, strict=True):
        assert earlier.closing_cents == later.opening_cents
    figures = {one.kind: (one.opening_cents, one.closing_cents, one.is_proven) for one in now.accounts}
    assert figures == {
        "deposit": (50_000, 50_000, True),
        "collected": (2_000, 2_700, True),
        "earnings": (0, 20_000, True),
    }
    (deposit, collected, _) = before.accounts
    assert [(one.transfer, one.credit_cents, one.debit_cents) for one in collected.sums] == [
        ("collect", 10_000, 0),
        ("sale", 0, 8_000),
    ]
    assert deposit.opening_cents == 0


async def test_sums_built_anew_are_the_same_and_broken_ones_are_found(runtime: Runtime) -> None:
    shop = await earning(runtime)
    day = queries.today() - timedelta(days=40)
    async with runtime.database.master_session() as session:
        assert await service.differences(session) == []
        await service.roll_up(session, day)
        await service.roll_up(session, day)
        assert await service.differences(session) == []

    await _break(runtime, shop)

    async with runtime.database.master_session() as session:
        (found,) = await service.differences(session)
        assert (found.tenant_id, found.account) == (shop.tenant.id, "collected")
    broken = next(one for one in (await of(shop, 5)).accounts if one.kind == "collected")
    assert not broken.is_proven
    async with runtime.database.master_session() as session:
        await service.roll_up(session, day)
        assert await service.differences(session) == []


async def _break(runtime: Runtime, shop: Shop) -> None:
    """As no role of ours may: the table's owner changes a sum."""
    from_owner = (
        "UPDATE master.ledger_daily SET credit_cents = credit_cents + 1 WHERE tenant_id = :id AND transfer = :t"
    )
    async with owner_session(runtime.settings) as session:
        await session.execute(text(from_owner), {"id": shop.tenant.id, "t": "collect"})


async def test_days_that_are_over_are_summed_up_by_themselves(runtime: Runtime) -> None:
    shop = await earning(runtime)
    async with owner_session(runtime.settings) as session:
        await session.execute(text("UPDATE ledger_rolled SET until = until - 45"))
        await session.execute(text("DELETE FROM ledger_daily"))

    await tasks.roll_up_ledger(runtime)

    async with runtime.database.master_session() as session:
        assert await service.differences(session) == []
        until = (await session.execute(text("SELECT until FROM ledger_rolled"))).scalar_one()
    assert queries.today() - until <= timedelta(days=1)
    assert all(one.is_proven for one in (await of(shop, 400)).accounts)


async def test_the_owner_reads_it_and_takes_it_along(runtime: Runtime, sign_in: SignIn) -> None:
    shop = await earning(runtime)
    finance = await sign_in(shop.tenant, Role.FINANCE)
    since = (queries.today() - timedelta(days=60)).isoformat()

    page = text_of(await finance.get(f"{PATH}?from={since}"))
    rows = list(csv.reader(io.StringIO((await finance.get(f"{PATH}/csv?from={since}")).text.lstrip("\ufeff"))))
    book_ = load_workbook(io.BytesIO((await finance.get(f"{PATH}/xlsx?from={since}")).content))

    assert "Closing balance" in page
    assert "Does not add up" not in page
    assert ["Collected, not yet released", "Closing balance", "27.00", "", ""] in rows
    sums = [[cell.value for cell in row] for row in book_.worksheets[0].iter_rows()]
    assert ["Earnings", "Holding period over", 200, 0, 1] in sums
    assert book_.worksheets[1].max_row == 1 + 5
    assert (await finance.get(f"{PATH}?month=2026-13&to=nonsense")).status_code == 200


async def test_a_stations_statement_shows_no_other_station(runtime: Runtime) -> None:
    shop, other = await earning(runtime), await open_shop(runtime, deposit_cents=0)
    await set_terms(shop, least_cents=100)
    assert await ask(shop, 1_000)

    async with other.tenant.begin() as session:
        seen = await queries.statement(session, shop.tenant.id, queries.today() - timedelta(days=60), queries.today())

    assert all(one.opening_cents == one.closing_cents == 0 for one in seen.accounts)
