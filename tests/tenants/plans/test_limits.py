"""What a plan allows, and what happens at its bounds."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity import staff
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.plans import service, tasks
from tenants.plans.errors import TooManyProducts, TooManyStaff
from tenants.shop import service as shop
from tenants.shop.service import ProductDraft
from tests.support.house import open_shop
from tests.tenants.plans.steps import Station, add_plan


async def limited(runtime: Runtime, keys: int = 0, **limits: int) -> Station:
    """A station on trial of a plan with these limits."""
    station = Station(await open_shop(runtime, keys=[f"K-{ids.code(8)}" for _ in range(keys)]))
    await station.give(await add_plan(runtime, 1_000, trial_days=30, **limits))
    return station


async def list_product(station: Station, state: str = "on_sale") -> int:
    draft = ProductDraft(good_id=station.shop.good_id, name="月卡", price=Decimal(12), state=state)  # type: ignore[arg-type]  # one of the two words
    async with station.shop.tenant.begin() as session:
        return (await shop.list_product(session, draft)).id


async def put_on_sale(station: Station, product_id: int) -> None:
    async with station.shop.tenant.begin() as session:
        await shop.show(session, product_id, on_sale=True)


async def test_products_beyond_the_plan_are_kept_but_not_put_on_sale(runtime: Runtime) -> None:
    station = await limited(runtime, max_products=2)
    await list_product(station)

    with pytest.raises(TooManyProducts, match="2 products"):
        await list_product(station)
    hidden = await list_product(station, "hidden")
    with pytest.raises(TooManyProducts):
        await put_on_sale(station, hidden)

    async with station.shop.tenant.begin() as session:
        await shop.show(session, station.shop.product_id, on_sale=False)
    await put_on_sale(station, hidden)
    await put_on_sale(station, hidden)  # it is there already


async def test_a_product_on_sale_can_be_changed_at_the_limit(runtime: Runtime) -> None:
    station = await limited(runtime, max_products=1)
    draft = ProductDraft(good_id=station.shop.good_id, name="季卡", price=Decimal(12))

    async with station.shop.tenant.begin() as session:
        changed = await shop.change_product(session, station.shop.product_id, draft)

    assert changed.name == "季卡"


async def test_the_last_place_is_taken_once(runtime: Runtime) -> None:
    station = await limited(runtime, max_products=2)

    outcomes = await asyncio.gather(*(list_product(station) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(one, int) for one in outcomes) == 1
    assert sum(isinstance(one, TooManyProducts) for one in outcomes) == 4


async def test_staff_beyond_the_plan_are_refused(runtime: Runtime) -> None:
    station, free = await limited(runtime, max_staff=1), Station(await open_shop(runtime))

    for one in (station, free):
        async with runtime.database.master_session() as session:
            await service.check_staff(session, one.id)
            for _ in range(2):
                await staff.create_staff(
                    session, f"x-{ids.code(8)}", "X", "a password", one.id, Role.SERVICE, hasher=Passwords.cheap()
                )

    async with runtime.database.master_session() as session:
        await service.check_staff(session, free.id)
        with pytest.raises(TooManyStaff, match="1 accounts"):
            await service.check_staff(session, station.id)


async def count_again(station: Station) -> None:
    async with station.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE plan_usage SET next_at = now() WHERE tenant_id = :id AND next_at < now() + interval '1 hour'"),
            {"id": station.id},
        )
    await tasks.count_orders(station.runtime)


async def test_the_owner_is_told_at_80_per_cent_and_at_the_limit_the_shop_takes_no_more(runtime: Runtime) -> None:
    station = await limited(runtime, keys=6, max_orders_month=5)
    buyer = await station.shop.buyer(wallet_cents=10_000)
    for _ in range(3):
        await station.shop.buy(buyer)
    await tasks.count_orders(runtime)
    assert await station.told() == []

    await station.shop.buy(buyer)
    await count_again(station)
    assert await station.told() == ["orders_near_limit"]
    assert (await station.tenant()).takes_orders

    await station.shop.buy(buyer)
    await count_again(station)
    assert await station.told() == ["orders_near_limit", "orders_used_up"]
    assert not (await station.tenant()).takes_orders
    assert (await station.tenant()).is_open
    await count_again(station)
    assert await station.told() == ["orders_near_limit", "orders_used_up"]


async def test_a_larger_plan_or_a_new_month_opens_the_shop_again(runtime: Runtime) -> None:
    used_up = [await limited(runtime, keys=1, max_orders_month=1) for _ in range(2)]
    for station in used_up:
        await station.shop.buy(await station.shop.buyer(wallet_cents=1_000))
    await tasks.count_orders(runtime)
    upgraded, waiting = used_up
    assert not (await upgraded.tenant()).takes_orders
    assert not (await waiting.tenant()).takes_orders

    await upgraded.change(await add_plan(runtime, 2_000, max_orders_month=5))
    assert (await upgraded.tenant()).takes_orders
    await tasks.count_orders(runtime)
    assert (await upgraded.tenant()).takes_orders

    async with waiting.shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET paid_at = paid_at - interval '31 days'"))
    async with runtime.database.master_session() as session:  # as if last month had been counted
        await session.execute(
            text("UPDATE plan_usage SET next_at = now(), month = month - 31 WHERE tenant_id = :id"), {"id": waiting.id}
        )
    await tasks.count_orders(runtime)
    assert (await waiting.tenant()).takes_orders


async def test_a_limit_that_is_taken_off_the_plan_opens_the_shop_again(runtime: Runtime) -> None:
    station = await limited(runtime, keys=1, max_orders_month=1)
    await station.shop.buy(await station.shop.buyer(wallet_cents=1_000))
    await tasks.count_orders(runtime)
    assert not (await station.tenant()).takes_orders
    plan_id = (await station.subscription()).plan_id or 0

    async with runtime.database.master_session() as session:
        await service.change(session, plan_id, service.PlanDraft(name=f"plan {ids.code(8)}", price_cents=1_000))
    await tasks.count_orders(runtime)

    assert (await station.tenant()).takes_orders
