"""What each feature of the shop does to the shop, and how an order remembers which it was sold under."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.shop import counting
from tenants.toggles import flags, service
from tenants.toggles.flags import Flag
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, open_shop
from tests.tenants.storefront.steps import bought, buy, count_of_orders, member, order_form

ORDER = text("SELECT flags, expires_at - created_at AS patience, state FROM orders ORDER BY id DESC LIMIT 1")


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K1", "K2"], price="10.00")


async def switch(shop: Shop, flag: Flag, value: Any) -> None:
    """What the owner's page does; the shop has not been looked at before, so nothing is remembered of it."""
    async with shop.tenant.begin() as session:
        await service.choose(session, flag, value)


async def add_channel(shop: Shop) -> str:
    """A channel at a gateway that nobody asks."""
    async with shop.tenant.begin() as session:
        row = await session.execute(
            text(
                "INSERT INTO payment_channels (provider, name, base_url, merchant_id, secret)"
                " VALUES ('epay', 'Alipay', 'http://127.0.0.1:9', '1', '') RETURNING id"
            )
        )
        return str(row.scalar_one())


async def newest(shop: Shop) -> Any:
    async with shop.tenant.begin() as session:
        return (await session.execute(ORDER)).one()


async def test_an_order_keeps_the_flags_that_its_sale_has_read(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser, wallet_cents=5_000)

    await bought(buyer, shop)

    assert (await newest(shop)).flags == {"shop.guest_checkout": True}


async def test_an_unpaid_order_waits_as_long_as_the_station_says_and_keeps_that(
    shop: Shop, browser: OpenBrowser
) -> None:
    channel = await add_channel(shop)
    await switch(shop, flags.PAYMENT_MINUTES, 40)

    await bought(browser(shop.tenant), shop, pay_method=channel)

    order = await newest(shop)
    assert order.flags == {
        "shop.guest_checkout": True,
        "shop.hold_stock": True,
        "shop.payment_minutes": 40,
        "shop.unpaid_orders": 3,
    }
    assert timedelta(minutes=39, seconds=50) < order.patience <= timedelta(minutes=40, seconds=10)
    async with shop.runtime.database.master_session() as session:
        due = await session.execute(
            text("SELECT due_at - now() FROM outbox WHERE tenant_id = :id AND follower LIKE '%expire_unpaid'"),
            {"id": shop.tenant.id},
        )
        assert timedelta(minutes=39) < due.scalar_one() <= timedelta(minutes=40)


async def test_without_guest_checkout_a_stranger_is_asked_to_log_in_and_a_member_buys(
    shop: Shop, browser: OpenBrowser
) -> None:
    await switch(shop, flags.GUEST_CHECKOUT, False)
    channel = await add_channel(shop)
    stranger = browser(shop.tenant)
    form = await order_form(stranger, shop, pay_method=channel)

    page = await stranger.get(f"/p/{shop.product_id}")
    refused = await stranger.post("/orders", form)
    by_machine = await stranger.post("/orders", form, Accept="application/json")

    assert "This shop sells to members only." in page.text
    assert "Buy now" not in page.text
    assert refused.status_code == by_machine.status_code == 422
    assert "Log in or register first; you have not been charged." in refused.text
    assert await count_of_orders(shop.tenant) == 0
    assert (await stranger.get("/account")).status_code == 303, "no guest account was opened"

    await bought(await member(shop, browser, wallet_cents=5_000), shop)
    assert (await newest(shop)).flags == {"shop.guest_checkout": False}


async def test_a_guest_of_before_is_no_member_either(shop: Shop, browser: OpenBrowser, runtime: Runtime) -> None:
    channel = await add_channel(shop)
    guest = browser(shop.tenant)
    await bought(guest, shop, pay_method=channel)
    await switch(shop, flags.GUEST_CHECKOUT, False)
    await runtime.hub.changed("flags")

    async def refused() -> bool:
        return (await buy(guest, shop, pay_method=channel)).status_code == 422

    for _ in range(100):
        if await refused():
            break
    assert await refused()
    assert (await _top_up(guest, channel)).status_code == 422


async def _top_up(browser: Browser, channel: str) -> httpx.Response:
    return await browser.post("/wallet/topups", {"pay_method": channel, "preset": "10"}, page="/wallet")


async def test_without_top_ups_the_wallet_is_still_there_and_takes_none(shop: Shop, browser: OpenBrowser) -> None:
    await switch(shop, flags.TOPUP, False)
    channel = await add_channel(shop)
    buyer = await member(shop, browser, wallet_cents=1_234)

    wallet = await buyer.get("/wallet")

    assert "¥12.34" in wallet.text
    assert "Top up" not in wallet.text
    assert (await _top_up(buyer, channel)).status_code == 404
    too_dear = await buy(buyer, shop, quantity="2")
    assert "Your balance does not cover this." in too_dear.text
    assert "Top up the wallet" not in too_dear.text


async def test_stock_is_not_shown_and_sold_out_still_is(shop: Shop, browser: OpenBrowser) -> None:
    await switch(shop, flags.STOCK, False)
    visitor = browser(shop.tenant)

    home, product = (await visitor.get("/")).text, (await visitor.get(f"/p/{shop.product_id}")).text

    assert "2 left" not in home + product
    assert "In stock" not in home + product
    buyer = await member(shop, browser, wallet_cents=5_000)
    await bought(buyer, shop, quantity="2")
    assert "Sold out" in (await visitor.get("/")).text
    assert "Sold out" in (await visitor.get(f"/p/{shop.product_id}")).text


@pytest.mark.parametrize(("value", "shown"), [(True, True), (False, False)])
async def test_the_sales_count_follows_its_feature(shop: Shop, browser: OpenBrowser, value: bool, shown: bool) -> None:
    await switch(shop, flags.SALES, value)
    await bought(await member(shop, browser, wallet_cents=5_000), shop)
    async with shop.tenant.begin() as session:
        await counting.count(session)

    assert ("1 sold" in (await browser(shop.tenant).get("/")).text) is shown


@pytest.mark.parametrize(("value", "shown"), [(True, True), (False, False)])
async def test_the_notice_follows_its_feature(runtime: Runtime, browser: OpenBrowser, value: bool, shown: bool) -> None:
    shop = await open_shop(runtime)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE tenants SET notice = 'Closed on Sunday' WHERE id = :id"), {"id": shop.tenant.id}
        )
    runtime.directory.forget()
    await switch(shop, flags.NOTICE, value)

    assert ("Closed on Sunday" in (await browser(shop.tenant).get("/")).text) is shown


@pytest.mark.parametrize(("layout", "is_list"), [("list", True), ("grid", False)])
async def test_the_shelf_has_the_chosen_layout(shop: Shop, browser: OpenBrowser, layout: str, is_list: bool) -> None:
    await switch(shop, flags.HOME_LAYOUT, layout)

    assert ('class="goods goods-lines"' in (await browser(shop.tenant).get("/")).text) is is_list
