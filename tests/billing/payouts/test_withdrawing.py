"""Collected money becomes a station's own when its time is over, and leaves by a withdrawal that is decided once."""

import asyncio

import pytest
from sqlalchemy import text

from billing.ledger.errors import EarningsTooLow
from billing.payouts import queries, service, tasks
from billing.payouts.errors import DecidedAlready, EatenByFee, NoSuchPayout, TooLittle, TooMuchToday
from billing.payouts.queries import Overrides
from billing.payouts.service import PayoutDraft
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.billing.aging import age
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.tenants.storefront.lending import held

POST = text(
    "SELECT master_post(:id, :key, :kind, 'x', ARRAY[:id, 0], ARRAY[:account, 'master_bank'], ARRAY['', ''],"
    " ARRAY[CAST(:cents AS bigint), -CAST(:cents AS bigint)])"
)


async def book(shop: Shop, account: str, cents: int, kind: str = "collect") -> None:
    async with shop.runtime.database.master_session() as session:
        values = {"id": shop.tenant.id, "key": ids.code(20), "kind": kind, "account": account, "cents": cents}
        await session.execute(POST, values)


async def ask(shop: Shop, cents: int, key: str = "") -> str | None:
    sealer = await shop.runtime.keyring.master()
    draft = PayoutDraft(amount_cents=cents, method="alipay", account="li@example.test", request_key=key or ids.code(20))
    async with shop.tenant.begin() as session:
        return await service.ask(session, sealer, draft, "li")


async def newest(shop: Shop) -> queries.Payout:
    async with shop.tenant.begin() as session:
        row = (await session.execute(text("SELECT id FROM payouts ORDER BY created_at DESC LIMIT 1"))).scalar_one()
        return await queries.payout(session, row)


async def set_terms(shop: Shop, **terms: object) -> None:
    async with shop.runtime.database.master_session() as session:
        await service.set_terms(session, shop.tenant.id, Overrides(**terms))  # type: ignore[arg-type]  # of a test


async def test_profit_is_released_when_its_time_is_over_and_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "collected", 10_000)
    await book(shop, "collected", -8_000, "sale")  # the wholesale
    await age(shop, 8)
    await book(shop, "collected", 5_000)
    await book(shop, "collected", -4_000, "sale")

    for _ in range(3):
        await tasks.release_ripe(runtime)

    assert await held(shop) == {"collected": 1_000, "earnings": 2_000, "payout": 0, "deposit": 1_000_000}


async def test_a_station_may_have_terms_of_its_own(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "collected", 2_000)
    await age(shop, 8)
    await set_terms(shop, hold_days=30)
    await tasks.release_ripe(runtime)
    assert (await held(shop))["earnings"] == 0

    await set_terms(shop, hold_days=3)
    await tasks.release_ripe(runtime)

    assert (await held(shop))["earnings"] == 2_000


async def test_what_was_given_back_meanwhile_is_not_released(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "collected", 3_000)
    await age(shop, 8)
    await book(shop, "collected", 5_000)
    await book(shop, "collected", -1_000, "refund")

    await tasks.release_ripe(runtime)

    assert (await held(shop))["earnings"] == 2_000
    assert (await held(shop))["collected"] == 5_000


async def test_a_withdrawal_is_paid_once_and_its_fee_is_the_masters(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "earnings", 50_000)
    await set_terms(shop, fee_rate="0.01", fee_cents=200)
    no = await ask(shop, 20_000)
    payout = await newest(shop)
    assert (payout.no, payout.fee_cents, payout.paid_cents) == (no, 400, 19_600)
    assert (await held(shop))["payout"] == 20_000

    done = await asyncio.gather(*(_pay(shop, payout) for _ in range(3)), return_exceptions=True)

    assert [type(one) for one in done if one is not None] == [DecidedAlready] * 2
    assert await held(shop) == {"collected": 0, "earnings": 30_000, "payout": 0, "deposit": 1_000_000}
    await work_off(runtime)
    async with shop.tenant.begin() as session:
        assert (
            await session.execute(text("SELECT subject FROM notices WHERE kind = 'payout_paid'"))
        ).scalar_one() == no
    assert await ledger_is_balanced(runtime)


async def _pay(shop: Shop, payout: queries.Payout) -> None:
    async with shop.runtime.database.master_session() as session:
        await service.pay(session, payout.id, "2026112200001", "boss")


async def test_a_declined_or_cancelled_withdrawal_is_back_in_the_earnings_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "earnings", 50_000)
    for how in ("decline", "cancel"):
        await ask(shop, 20_000)
        payout = await newest(shop)
        assert (await held(shop))["earnings"] == 30_000

        await _end(shop, payout, how)
        for again in ("decline", "cancel"):
            with pytest.raises(DecidedAlready):
                await _end(shop, payout, again)

        assert (await held(shop))["earnings"] == 50_000
        assert (await held(shop))["payout"] == 0


async def _end(shop: Shop, payout: queries.Payout, how: str) -> None:
    if how == "cancel":
        async with shop.tenant.begin() as session:
            await service.cancel(session, payout.id, "li")
    else:
        async with shop.runtime.database.master_session() as session:
            await service.decline(session, payout.id, "账号不对", "boss")


async def test_terms_and_balance_bound_what_can_be_asked_for(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "earnings", 60_000)
    await set_terms(shop, least_cents=10_000, daily_cents=50_000)

    with pytest.raises(TooLittle):
        await ask(shop, 9_999)
    with pytest.raises(TooMuchToday):
        await ask(shop, 50_001)
    await ask(shop, 30_000)
    with pytest.raises(TooMuchToday):
        await ask(shop, 20_001)
    await set_terms(shop, daily_cents=10_000_000)
    with pytest.raises(EarningsTooLow):
        await ask(shop, 30_001)
    await set_terms(shop, fee_cents=20_000)
    with pytest.raises(EatenByFee):
        await ask(shop, 20_000)

    assert (await held(shop))["earnings"] == 30_000


async def test_the_same_form_is_one_withdrawal_and_a_crowd_takes_no_more_than_is_there(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "earnings", 50_000)
    key = ids.code(20)
    assert [bool(await ask(shop, 10_000, key)) for _ in range(2)] == [True, False]

    done = await asyncio.gather(*(ask(shop, 15_000) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(one, str) for one in done) == 2
    assert await held(shop) == {"collected": 0, "earnings": 10_000, "payout": 40_000, "deposit": 1_000_000}


async def test_earnings_pay_in_to_the_deposit_at_once_and_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await book(shop, "earnings", 5_000)
    key = ids.code(20)

    for _ in range(2):
        async with shop.tenant.begin() as session:
            await service.to_deposit(session, 3_000, key)

    assert await held(shop) == {"collected": 0, "earnings": 2_000, "payout": 0, "deposit": 1_003_000}


async def test_another_stations_withdrawal_is_not_there(runtime: Runtime) -> None:
    shop, other = await open_shop(runtime), await open_shop(runtime)
    await book(shop, "earnings", 50_000)
    await ask(shop, 20_000)
    payout = await newest(shop)

    async with other.tenant.begin() as session:
        with pytest.raises(NoSuchPayout):
            await service.cancel(session, payout.id, "thief")
        cancelled = await session.execute(text("SELECT cancel_payout(:id, 'thief')"), {"id": payout.id})
        assert cancelled.scalar_one() is False

    assert (await held(shop))["payout"] == 20_000
