"""A period is charged once, by whoever and however often it is tried; who cannot pay is overdue until he can."""

import asyncio
import os
import sys
from datetime import timedelta

import pytest
from msgspec import structs
from sqlalchemy import text

from billing.deposits import service as deposits
from billing.ledger.errors import DepositTooLow
from kameng.core import clock, ids
from kameng.infra import settings as settings_door
from kameng.infra.runtime import Runtime, running
from tenants.plans import renewal, subscriptions, tasks
from tenants.plans.renewal import Renewal
from tests.support.house import ledger_is_balanced, open_shop
from tests.support.processes import ROOT, SOURCES
from tests.tenants.plans.steps import Station, about, add_plan


async def open_on(
    runtime: Runtime, *, price_cents: int = 10_000, deposit_cents: int = 1_000_000, trial_days: int = 0
) -> Station:
    """A station that has just been given a plan."""
    station = Station(await open_shop(runtime, deposit_cents=deposit_cents))
    await station.give(await add_plan(runtime, price_cents, trial_days=trial_days))
    return station


async def pay_in(station: Station, cents: int) -> None:
    async with station.runtime.database.master_session() as session:
        await deposits.pay_in(session, station.id, cents, ids.code(12))


async def test_a_plan_without_trial_is_charged_at_once_and_lasts_a_month(runtime: Runtime) -> None:
    station = await open_on(runtime)

    assert await station.renew() is Renewal.PAID

    now = await station.subscription()
    assert now.state == "active"
    assert now.began is not None
    assert now.paid_until is not None
    assert timedelta(days=28) <= now.paid_until - now.began <= timedelta(days=31)
    assert await station.shop.deposit_cents() == 990_000
    assert await station.renew() is None
    assert await ledger_is_balanced(runtime)


async def test_a_trial_costs_nothing_and_its_end_is_charged(runtime: Runtime) -> None:
    station = await open_on(runtime, trial_days=14)
    trial = await station.subscription()
    assert trial.state == "trial"
    assert about(trial.paid_until, timedelta(days=14))
    assert await station.renew() is None

    await station.time_passes(timedelta(days=14))

    assert await station.renew() is Renewal.PAID
    assert (await station.subscription()).state == "active"
    assert await station.charged_cents() == 10_000


async def test_a_second_plan_gives_no_second_trial(runtime: Runtime) -> None:
    station = await open_on(runtime)
    await station.renew()
    async with runtime.database.master_session() as session:
        await subscriptions.take_away(session, station.id)

    await station.give(await add_plan(runtime, 5_000, trial_days=30))

    assert (await station.subscription()).state == "active"
    assert await station.renew() is Renewal.PAID


async def test_periods_follow_each_other_without_a_gap_when_nobody_kept_time(runtime: Runtime) -> None:
    station = await open_on(runtime)
    await station.renew()

    await station.time_passes(timedelta(days=75))
    outcomes = [await station.renew() for _ in range(4)]

    assert outcomes == [Renewal.PAID, Renewal.PAID, None, None]
    newest, second, first = await station.periods()
    assert newest.began == second.until
    assert second.began == first.until
    assert await station.charged_cents() == 30_000


async def test_who_cannot_pay_is_overdue_and_told_and_goes_on_when_the_deposit_is_there(runtime: Runtime) -> None:
    station = await open_on(runtime, deposit_cents=9_999)

    assert await station.renew() is Renewal.OVERDUE
    assert (await station.tenant()).state == "overdue"
    assert not (await station.tenant()).takes_orders
    assert (await station.tenant()).is_open
    assert await station.told() == ["plan_overdue"]
    assert await station.renew() is Renewal.OVERDUE
    assert await station.told() == ["plan_overdue"]

    await pay_in(station, 1)
    await tasks.renew_due(runtime)

    assert (await station.tenant()).takes_orders
    assert await station.shop.deposit_cents() == 0
    assert await ledger_is_balanced(runtime)


async def test_the_time_a_shop_was_closed_for_debt_is_not_charged(runtime: Runtime) -> None:
    station = await open_on(runtime, deposit_cents=10_000)
    await station.renew()
    await station.time_passes(timedelta(days=32))
    assert await station.renew() is Renewal.OVERDUE

    await station.time_passes(timedelta(days=100))
    await pay_in(station, 50_000)

    assert [await station.renew(), await station.renew()] == [Renewal.PAID, None]
    assert await station.shop.deposit_cents() == 40_000
    newest = (await station.periods())[0]
    assert about(newest.began, timedelta(0))


async def test_a_few_days_of_debt_are_part_of_the_period_that_is_paid_late(runtime: Runtime) -> None:
    station = await open_on(runtime, deposit_cents=10_000)
    await station.renew()
    await station.time_passes(timedelta(days=33))
    await station.renew()

    await pay_in(station, 10_000)
    await station.renew()

    newest, before = await station.periods()
    assert newest.began == before.until


@pytest.mark.parametrize("state", ["suspended", "closing", "closed"])
async def test_a_station_that_is_closed_by_somebody_is_left_alone(runtime: Runtime, state: str) -> None:
    station = await open_on(runtime)
    await station.set_state(state)

    assert await station.renew() is None
    await tasks.renew_due(runtime)

    assert (await station.subscription()).state == state
    assert await station.charged_cents() == 0


async def test_reminders_come_once_each_and_urge_only_who_is_short(runtime: Runtime) -> None:
    rich, poor = await open_on(runtime, trial_days=30), await open_on(runtime, trial_days=30, deposit_cents=500)
    heard: dict[float, tuple[list[str], list[str]]] = {}

    for days_left, passed in ((8, 22), (6.5, 1.5), (5, 1.5), (2.5, 2.5), (0.5, 2), (0.4, 0.1)):
        for station in (rich, poor):
            await station.time_passes(timedelta(days=passed))
        await tasks.remind_of_plans(runtime)
        heard[days_left] = (await rich.told(), await poor.told())

    assert [rich_heard for rich_heard, _ in heard.values()] == [[], *[["plan_ends"]] * 5]
    assert [len(poor_heard) for _, poor_heard in heard.values()] == [0, 1, 1, 2, 3, 3]
    assert set(heard[0.4][1]) == {"plan_short"}


async def test_two_schedulers_at_once_charge_each_station_once(runtime: Runtime) -> None:
    stations = [await open_on(runtime) for _ in range(6)]

    async with running(runtime.settings) as other:
        outcomes = await asyncio.gather(
            *(tasks.renew_one(one, station.id) for station in stations for one in (runtime, other, runtime))
        )

    assert outcomes.count(Renewal.PAID) == len(stations)
    assert [await station.charged_cents() for station in stations] == [10_000] * len(stations)


async def test_a_renewal_that_is_killed_charges_nobody_twice_and_forgets_nobody(runtime: Runtime) -> None:
    stations = [await open_on(runtime) for _ in range(25)]
    environ = settings_door.to_environ(structs.replace(runtime.settings, log_level="critical"))
    argv = [sys.executable, "-m", "tests.tenants.plans.renewing"]

    process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env={**os.environ, **SOURCES, **environ})
    try:
        while not await _charged(runtime, stations):
            assert process.returncode is None
    finally:
        process.kill()
        await process.wait()
    await tasks.renew_due(runtime)

    assert [await station.charged_cents() for station in stations] == [10_000] * len(stations)
    assert [len(await station.periods()) for station in stations] == [1] * len(stations)
    assert await ledger_is_balanced(runtime)


async def _charged(runtime: Runtime, stations: list[Station]) -> int:
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text("SELECT count(*) FROM plan_periods WHERE tenant_id = ANY(:ids)"), {"ids": [one.id for one in stations]}
        )
        return int(rows.scalar_one())


async def test_what_is_due_is_found_by_its_index(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text("EXPLAIN SELECT id FROM tenants WHERE state IN ('trial', 'active', 'overdue') AND paid_until <= now()")
        )
    assert "tenants_paid_until" in "\n".join(plan)


async def test_a_sale_that_takes_the_deposit_first_leaves_the_station_due(runtime: Runtime) -> None:
    station = await open_on(runtime, deposit_cents=10_000)

    with pytest.raises(DepositTooLow):
        async with runtime.database.master_session() as session:
            assert await renewal.renew(session, station.id, clock.now()) is Renewal.PAID
            async with runtime.database.master_session() as sale:
                await deposits.pay_in(sale, station.id, -1, ids.code(8))

    assert await station.renew() is Renewal.OVERDUE
    assert await station.charged_cents() == 0
