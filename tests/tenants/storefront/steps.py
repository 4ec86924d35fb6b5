"""What these tests do again and again."""

from uuid import UUID

import httpx
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.tenancy import Tenant
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop

NEWEST = text("SELECT id FROM buyers ORDER BY id DESC LIMIT 1")
TOPUP = text("SELECT post_topup(:no, 'test', CAST(:buyer AS text), :cents)")
COUNT = text("SELECT count(*) FROM orders")


async def member(shop: Shop, browser: OpenBrowser, wallet_cents: int = 0) -> Browser:
    """A browser that has just registered, with money in the wallet."""
    opened = browser(shop.tenant)
    await opened.register(f"{ids.code(8).lower()}@example.test")
    if wallet_cents:
        async with shop.tenant.begin() as session:
            buyer = (await session.execute(NEWEST)).scalar_one()
            await session.execute(TOPUP, {"no": ids.code(12), "buyer": buyer, "cents": wallet_cents})
    return opened


async def newest_buyer(tenant: Tenant) -> UUID:
    async with tenant.begin() as session:
        return UUID(str((await session.execute(NEWEST)).scalar_one()))


async def order_form(browser: Browser, shop: Shop, **changes: str) -> dict[str, str]:
    """The form of the shop's product, filled in."""
    fields = await browser.form(f"/p/{shop.product_id}")
    return fields | {"quantity": "1", "pay_method": "wallet", "contact": ""} | changes


async def buy(browser: Browser, shop: Shop, **changes: str) -> httpx.Response:
    """Sends the product's form."""
    return await browser.post("/orders", await order_form(browser, shop, **changes))


async def bought(browser: Browser, shop: Shop, **changes: str) -> str:
    """The number of the order that the product's form became."""
    answer = await buy(browser, shop, **changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/orders/")


async def count_of_orders(tenant: Tenant) -> int:
    async with tenant.begin() as session:
        return int((await session.execute(COUNT)).scalar_one())
