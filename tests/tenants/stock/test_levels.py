"""The owner is told once when a product gets low, and again when it was filled up and gets low again."""

from sqlalchemy import text

from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from tenants.stock import queries, service
from tenants.stock.service import StockLow
from tenants.stock.tasks import watch_levels
from tests.kameng.cards.conftest import Stock, open_stock
from tests.support.house import open_shop

KEYS = [f"KEY-{number:04}-WARN" for number in range(5)]


async def notices(stock: Stock) -> list[tuple[str, int]]:
    rows = await stock.rows("SELECT subject, detail FROM notices WHERE kind = 'stock_low' ORDER BY id")
    return [(row.subject, row.detail["left"]) for row in rows]


async def take(stock: Stock, units: int) -> None:
    await stock.rows(
        "DELETE FROM card_pool WHERE id IN (SELECT id FROM card_pool WHERE item_id = :item ORDER BY id LIMIT :units)"
        " RETURNING id",
        units=units,
    )


async def test_each_crossing_is_told_once(runtime: Runtime) -> None:
    stock = await open_stock(runtime, warn_at=3)
    await stock.add(KEYS)
    await watch_levels(runtime)
    assert await notices(stock) == []

    await take(stock, 2)
    for _ in range(3):
        await watch_levels(runtime)
    assert await notices(stock) == [(str(stock.product_id), 3)]

    await stock.rows("UPDATE notices SET read_at = now() RETURNING id")
    await take(stock, 1)
    await watch_levels(runtime)
    assert len(await notices(stock)) == 1

    await stock.add([f"{key}-MORE" for key in KEYS])
    await watch_levels(runtime)
    await take(stock, 5)
    await watch_levels(runtime)
    assert await notices(stock) == [(str(stock.product_id), 3), (str(stock.product_id), 2)]


async def test_the_event_says_what_is_left(runtime: Runtime) -> None:
    stock = await open_stock(runtime, warn_at=10)
    outbox.followers.setdefault(StockLow, []).append("tests.nobody")
    try:
        async with stock.place.begin() as session:
            assert await service.measure(session) == 1
            assert await service.measure(session) == 0
    finally:
        outbox.followers[StockLow].remove("tests.nobody")

    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text("DELETE FROM outbox WHERE follower = 'tests.nobody' AND tenant_id = :id RETURNING payload"),
            {"id": stock.shop.tenant.id},
        )
        assert [row.payload for row in rows] == [{"product_id": stock.product_id, "left": 0}]


async def test_goods_of_the_master_are_counted_as_the_station_can_have_them(runtime: Runtime) -> None:
    stock = await open_stock(runtime)
    await stock.rows("UPDATE products SET warn_at = 1 WHERE id = :product RETURNING id", product=stock.shop.product_id)
    async with stock.place.begin() as session:
        assert await service.measure(session) == 1

    rows = await stock.rows("SELECT product_id, units, is_low FROM stock_levels ORDER BY product_id")

    assert [tuple(row) for row in rows] == [(stock.shop.product_id, 0, True), (stock.product_id, 0, False)]


async def test_sales_of_two_weeks_say_how_long_it_lasts(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    buyer = await shop.buyer(wallet_cents=10_000)
    await shop.buy(buyer, quantity=2)
    await shop.buy(buyer)

    async with shop.tenant.begin() as session:
        assert await queries.sold_a_day(session, [shop.product_id, shop.product_id + 1]) == {shop.product_id: 3 / 14}
