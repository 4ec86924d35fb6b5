"""Buying through the front door."""

from kameng.infra.runtime import Runtime
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, open_shop
from tests.tenants.storefront.purse import fill_wallet


async def buy(browser: Browser, shop: Shop, **changes: str):
    path = f"/p/{shop.product_id}"
    form = await browser.form(path) | {"quantity": "1", "pay_method": "wallet", "contact": ""} | changes
    return await browser.post("/orders", form)


async def test_an_order_paid_from_the_wallet_shows_its_key(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"], price="10.00")
    buyer = browser(shop.tenant)
    await buyer.register()
    await fill_wallet(shop, buyer, 2_500)

    answer = await buy(buyer, shop)

    assert answer.status_code == 303, answer.text
    page = await buyer.get(answer.headers["location"])
    assert page.status_code == 200
    assert "KEY-1" in page.text
    assert "¥15.00" in page.text
