"""What rooms keep beside their tables: one row each, changed by one at a time."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from kameng.core import clock
from kameng.infra.runtime import Runtime
from tenants.desk import limits
from tenants.desk import settings as desk
from tenants.pricing import settings as pricing
from tenants.settings.service import Room
from tenants.stock import replenishment
from tests.support.house import Shop, open_shop


async def test_every_room_of_the_program_has_its_row_in_a_new_station(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    async with shop.tenant.begin() as session:
        rooms = (await session.execute(text("SELECT room FROM room_settings"))).scalars().all()
    assert set(rooms) == set(Room)


async def test_limits_that_are_given_at_once_are_all_kept(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    people = [uuid4() for _ in range(8)]

    async def give(number: int) -> None:
        async with shop.tenant.begin() as session:
            until = clock.now() + timedelta(days=1)
            await limits.give(session, people[number], f"p{number}", 100 * number, until, [], "boss")

    await asyncio.gather(*map(give, range(8)))

    async with shop.tenant.begin() as session:
        kept = {one.staff_id: one.limit_cents for one in await limits.current(session)}
    assert kept == {person: 100 * number for number, person in enumerate(people)}


async def test_saving_settings_leaves_what_the_room_has_noted(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    someone = uuid4()
    async with shop.tenant.begin() as session:
        await limits.give(session, someone, "p", 500, clock.now() + timedelta(days=1), [], "boss")
        await desk.save(session, desk.Settings(due_minutes=50))
        assert await pricing.next_turn(session) == 1
        await pricing.keep(session, pricing.Settings(every_min=30))

    async with shop.tenant.begin() as session:
        assert (await desk.read(session)).due_minutes == 50
        assert await limits.most_cents(session, someone, may_refund=False) == 500
        assert ((await pricing.read(session)).every_min, await pricing.turn(session)) == (30, 1)


async def test_an_import_that_is_told_of_twice_at_once_counts_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await _order_cards(shop, 3, 10)

    async def tell() -> None:
        async with shop.tenant.begin() as session:
            await replenishment.receive(session, shop.product_id, import_id=7, added=3)

    await asyncio.gather(*(tell() for _ in range(6)))

    async with shop.tenant.begin() as session:
        rows = await session.execute(text("SELECT state, received, imports FROM replenishments ORDER BY id"))
        assert [tuple(row) for row in rows] == [("received", 3, {"7": 3}), ("ordered", 0, {})]


async def _order_cards(shop: Shop, *quantities: int) -> None:
    async with shop.tenant.begin() as session:
        for quantity in quantities:
            await session.execute(
                text(
                    "INSERT INTO replenishments (product_id, state, quantity) VALUES (:product, 'ordered', :quantity)"
                ),
                {"product": shop.product_id, "quantity": quantity},
            )
