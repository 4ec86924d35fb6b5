"""That a buyer has seen his keys is written down: the first look, and each file."""

from kameng.infra.runtime import Runtime
from tests.support.browser_client import OpenBrowser
from tests.support.house import open_shop
from tests.tenants.storefront.steps import bought, member

SEEN = "SELECT kind, act, address FROM card_reveals ORDER BY id"


async def test_the_first_look_and_every_file_are_written_down(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    buyer = await member(shop, browser, wallet_cents=2_500)
    no = await bought(buyer, shop)

    for path in ("", "", "/status", "/keys.txt", "/keys.txt"):
        assert "KEY-1" in (await buyer.get(f"/orders/{no}{path}")).text

    async with shop.tenant.begin() as session:
        connection = await session.connection()
        rows = (await connection.exec_driver_sql(SEEN)).all()
    assert [(row.kind, row.act) for row in rows] == [("buyer", "shown"), ("buyer", "file"), ("buyer", "file")]
    assert all(row.address for row in rows)


async def test_nobody_elses_look_is_written_down(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    no = await bought(await member(shop, browser, wallet_cents=2_500), shop)

    await browser(shop.tenant).get(f"/orders/{no}")

    async with shop.tenant.begin() as session:
        connection = await session.connection()
        assert (await connection.exec_driver_sql(SEEN)).all() == []
