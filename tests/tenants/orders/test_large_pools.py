"""A sale reads as little of a large pool as of a small one, also where its good has most of the pool and came last."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.infra.admin import admin_connection
from kameng.infra.runtime import Runtime
from tests.support.house import Shop, open_shop
from tests.tenants.orders import stall

OTHERS, OWN = 10_000, 30_000  # cards that were imported before, of something else, and those of what is sold
FEW_PAGES = 100  # to pass over the others would be several times as many
FILL = text(
    "INSERT INTO card_pool (id, item_id, secret, fingerprint)"
    " SELECT CAST(lpad(to_hex(first.id + n), 12, '0') || '70008000' || lpad(to_hex(item.id), 12, '0') AS uuid),"
    " item.id, 'x', sha256(CAST(n || ' of ' || item.id AS bytea)) FROM generate_series(1, :cards) n,"
    " CAST(:item AS bigint) AS item (id), CAST(:from_id AS bigint) AS first (id)"
)
SALE = "SELECT * FROM begin_sale(CAST(:order AS uuid), :item, :quantity, 'nobody', :stock)"
OWN_SALE = "SELECT * FROM take_own_cards(CAST(:order AS uuid), :item, :quantity, false, NULL, :stock = 'hold')"


class LeaveIt(Exception):
    """Nothing is sold here."""


async def fill(session: AsyncSession, item: int) -> None:
    """The item's cards, behind those of another in the order of ids."""
    for of, cards, from_id in ((item + 10**6, OTHERS, 0), (item, OWN, OTHERS)):
        await session.execute(FILL, {"item": of, "cards": cards, "from_id": from_id})


async def analyze(runtime: Runtime, table: str) -> None:
    async with admin_connection(runtime.settings) as connection:
        await connection.execute(f"ANALYZE {table}".encode())


async def pages_of(shop: Shop, sale: str, **asked: Any) -> int:
    """Pages that a sale reads which is not the first on its connection: that one reads what the catalogue says too."""
    pages = 0
    with pytest.raises(LeaveIt):
        async with shop.tenant.begin() as session:
            explained = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sale}")
            for _ in range(3):
                plan = (await session.execute(explained, {**asked, "order": ids.uuid7()})).scalar_one()[0]["Plan"]
                pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            raise LeaveIt
    return pages


async def test_a_sale_goes_straight_to_the_cards_of_its_good(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A"])
    async with runtime.database.master_session() as session:
        await fill(session, shop.good_id)
    await analyze(runtime, "master.card_pool")

    pages = {
        (stock, quantity): await pages_of(shop, SALE, item=shop.good_id, quantity=quantity, stock=stock)
        for stock in ("claim", "hold", "look")
        for quantity in (1, 3)
    }

    assert max(pages.values()) < FEW_PAGES, pages


async def test_so_does_a_sale_of_the_stations_own(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    product_id = await stall.add_product(shop)
    async with shop.tenant.begin() as session:
        await fill(session, product_id)
    await analyze(runtime, f"{shop.tenant.schema}.card_pool")

    pages = {
        (stock, quantity): await pages_of(shop, OWN_SALE, item=product_id, quantity=quantity, stock=stock)
        for stock in ("claim", "hold")
        for quantity in (1, 3)
    }

    assert max(pages.values()) < FEW_PAGES, pages
