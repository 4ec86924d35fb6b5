"""A shop that is overdue, or has used up its month's orders, shows everything and takes nothing new."""

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, open_shop
from tests.tenants.storefront.gateway import open_channel
from tests.tenants.storefront.steps import bought, count_of_orders, member, order_form

SAID = "This shop takes no new orders at the moment."
STATES = ["state = 'overdue'", "orders_used_up = true"]
JSON = {"Accept": "application/json"}


async def close_to_orders(shop: Shop, change: str) -> None:
    async with shop.runtime.database.master_session() as session:
        await session.execute(text(f"UPDATE tenants SET {change} WHERE id = :id"), {"id": shop.tenant.id})  # noqa: S608
    shop.runtime.directory.forget()


async def customer(runtime: Runtime, browser: OpenBrowser) -> tuple[Shop, Browser, str]:
    """A member who has bought one key and could buy another."""
    shop = await open_shop(runtime, keys=["KEY-1", "KEY-2"])
    buyer = await member(shop, browser, wallet_cents=5_000)
    return shop, buyer, await bought(buyer, shop)


@pytest.mark.parametrize("change", STATES)
async def test_what_was_bought_stays_and_nothing_new_is_sold(
    runtime: Runtime, browser: OpenBrowser, change: str
) -> None:
    shop, buyer, no = await customer(runtime, browser)
    form = await order_form(buyer, shop)
    await close_to_orders(shop, change)

    page = await buyer.get(f"/p/{shop.product_id}")
    assert SAID in page.text
    assert "Buy now" not in page.text
    assert SAID in (await buyer.get("/")).text
    assert "KEY-1" in (await buyer.get(f"/orders/{no}")).text

    refused, told = await buyer.post("/orders", form), await buyer.post("/orders", form, **JSON)

    assert refused.status_code == told.status_code == 422
    assert SAID in refused.text
    assert SAID in told.json()["error"]["message"]
    assert await count_of_orders(shop.tenant) == 1


@pytest.mark.parametrize("change", STATES)
async def test_wallets_are_not_topped_up(runtime: Runtime, browser: OpenBrowser, change: str) -> None:
    shop, buyer, _ = await customer(runtime, browser)
    channel = await open_channel(shop, "http://127.0.0.1:9")
    await close_to_orders(shop, change)

    page = await buyer.get("/wallet")
    assert SAID in page.text
    assert "¥40.00" in page.text
    answer = await buyer.post("/wallet/topups", {"preset": "50", "pay_method": str(channel)}, page="/")

    assert answer.status_code == 422
    assert SAID in answer.text


async def test_it_sells_again_when_the_reason_is_gone(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, buyer, _ = await customer(runtime, browser)
    await close_to_orders(shop, "state = 'overdue'")
    await close_to_orders(shop, "state = 'active'")

    assert await bought(buyer, shop)
