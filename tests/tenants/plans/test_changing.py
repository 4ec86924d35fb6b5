"""A dearer plan begins at once and the rest of the paid time comes back; a cheaper one waits for the end."""

from datetime import timedelta
from typing import Any

import pytest

from kameng.infra.runtime import Runtime
from tenants.plans.errors import (
    CannotChange,
    DepositTooSmall,
    NoPlan,
    OrdersDoNotFit,
    PlanNotForYou,
    ProductsDoNotFit,
    SamePlan,
    StaffDoNotFit,
)
from tenants.plans.queries import Usage
from tenants.plans.renewal import Renewal
from tests.support.house import ledger_is_balanced, open_shop
from tests.tenants.plans.steps import Station, about, add_plan


async def paying(runtime: Runtime, price_cents: int = 10_000, deposit_cents: int = 100_000, **plan: Any) -> Station:
    """A station whose first period has just been charged."""
    station = Station(await open_shop(runtime, deposit_cents=deposit_cents))
    await station.give(await add_plan(runtime, price_cents, **plan))
    assert await station.renew() is Renewal.PAID
    return station


async def test_an_upgrade_holds_at_once_and_credits_the_rest_of_the_period(runtime: Runtime) -> None:
    station = await paying(runtime)
    larger = await add_plan(runtime, 40_000)
    now = await station.subscription()
    assert now.paid_until is not None
    assert now.began is not None
    await station.time_passes((now.paid_until - now.began) / 2)

    await station.change(larger)

    changed = await station.subscription()
    assert changed.plan_id == larger
    assert changed.began is not None
    assert changed.paid_until is not None
    assert changed.paid_until - changed.began >= timedelta(days=28)
    newest, first = await station.periods()
    assert newest.price_cents == 40_000
    assert 4_990 <= first.credited_cents <= 5_000
    assert await station.shop.deposit_cents() == 100_000 - 10_000 - 40_000 + first.credited_cents
    assert await ledger_is_balanced(runtime)


async def test_what_is_left_of_a_year_may_be_more_than_the_new_plan_costs(runtime: Runtime) -> None:
    station = await paying(runtime, 60_000, period_months=12)

    await station.change(await add_plan(runtime, 6_000))

    assert 99_900 - 6_000 < await station.shop.deposit_cents() <= 100_000 - 6_000


async def test_a_cheaper_plan_begins_with_the_next_period(runtime: Runtime) -> None:
    station = await paying(runtime)
    smaller = await add_plan(runtime, 2_000)

    await station.change(smaller)
    waiting = await station.subscription()
    assert (waiting.plan_id == smaller, waiting.next_plan_id == smaller) == (False, True)
    await station.time_passes(timedelta(days=31))
    await station.renew()

    now = await station.subscription()
    assert (now.plan_id, now.next_plan_id) == (smaller, None)
    assert await station.charged_cents() == 12_000


async def test_a_trial_goes_on_with_another_plan(runtime: Runtime) -> None:
    station = Station(await open_shop(runtime))
    await station.give(await add_plan(runtime, 10_000, trial_days=10))

    await station.change(await add_plan(runtime, 40_000))

    now = await station.subscription()
    assert now.state == "trial"
    assert about(now.paid_until, timedelta(days=10))
    assert await station.charged_cents() == 0


async def test_who_is_overdue_may_choose_a_plan_that_the_deposit_covers(runtime: Runtime) -> None:
    station = Station(await open_shop(runtime, deposit_cents=3_000))
    await station.give(await add_plan(runtime, 10_000))
    assert await station.renew() is Renewal.OVERDUE

    await station.change(await add_plan(runtime, 2_000))

    assert await station.renew() is Renewal.PAID
    assert await station.shop.deposit_cents() == 1_000


@pytest.mark.parametrize(
    ("limits", "usage", "refusal"),
    [
        ({"max_products": 3}, Usage(products=4, staff=0, orders=0), ProductsDoNotFit),
        ({"max_staff": 3}, Usage(products=0, staff=4, orders=0), StaffDoNotFit),
        ({"max_orders_month": 3}, Usage(products=0, staff=0, orders=4), OrdersDoNotFit),
    ],
)
async def test_a_plan_that_is_too_small_is_refused_and_says_where(
    runtime: Runtime, limits: dict[str, int], usage: Usage, refusal: type[Exception]
) -> None:
    station = await paying(runtime)
    before = await station.subscription()

    with pytest.raises(refusal, match=r"4 .*3"):
        await station.change(await add_plan(runtime, 20_000, **limits), usage)

    assert await station.subscription() == before


async def test_a_plan_of_next_month_is_not_asked_about_the_orders_of_this_one(runtime: Runtime) -> None:
    station = await paying(runtime)

    await station.change(await add_plan(runtime, 1_000, max_orders_month=3), Usage(products=0, staff=0, orders=4))

    assert (await station.subscription()).next_plan_id is not None


async def test_an_upgrade_that_the_deposit_does_not_cover_changes_nothing(runtime: Runtime) -> None:
    station = await paying(runtime, deposit_cents=20_000)
    before = await station.subscription()

    with pytest.raises(DepositTooSmall, match=r"¥300\.0\d .*¥100\.00"):
        await station.change(await add_plan(runtime, 40_000))

    assert await station.subscription() == before


async def test_what_an_owner_cannot_choose(runtime: Runtime) -> None:
    station, free = await paying(runtime), Station(await open_shop(runtime))
    offered = await add_plan(runtime, 20_000)

    with pytest.raises(PlanNotForYou):
        await station.change(await add_plan(runtime, 20_000, is_offered=False))
    with pytest.raises(SamePlan):
        await station.change((await station.subscription()).plan_id or 0)
    with pytest.raises(NoPlan):
        await free.change(offered)
    await station.set_state("closing")
    with pytest.raises(CannotChange):
        await station.change(offered)
