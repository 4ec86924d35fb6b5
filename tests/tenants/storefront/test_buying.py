"""Buying from the wallet, through the front door."""

import asyncio

from kameng.infra.runtime import Runtime
from tenants.notices import queries as notices
from tests.support.browser_client import OpenBrowser
from tests.support.house import ledger_is_balanced, open_shop
from tests.tenants.storefront.steps import bought, buy, count_of_orders, member, newest_buyer, order_form

JSON = {"Accept": "application/json"}


async def test_an_order_paid_from_the_wallet_shows_its_key(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"], price="10.00")
    buyer = await member(shop, browser, wallet_cents=2_500)

    no = await bought(buyer, shop)

    page = await buyer.get(f"/orders/{no}")
    assert "KEY-1" in page.text
    assert "在官网兑换" in page.text
    assert "data-final" in page.text
    assert "¥15.00" in page.text


async def test_the_same_form_twice_is_one_order(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    buyer = await member(shop, browser, wallet_cents=5_000)
    form = await order_form(buyer, shop)

    first, second = await buyer.post("/orders", form), await buyer.post("/orders", form)

    assert first.headers["location"] == second.headers["location"]
    assert await count_of_orders(shop.tenant) == 1
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 4_000


async def test_the_same_form_at_the_same_moment_is_one_order(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(9)])
    buyer = await member(shop, browser, wallet_cents=50_000)
    form = await order_form(buyer, shop)

    answers = await asyncio.gather(*(buyer.post("/orders", form) for _ in range(6)))

    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 49_000


async def test_a_machine_is_answered_in_json(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"], price="10.00")
    buyer = await member(shop, browser, wallet_cents=2_500)

    placed = (await buyer.post("/orders", await order_form(buyer, shop), **JSON)).json()
    status = (await buyer.get(f"/orders/{placed['no']}/status", **JSON)).json()

    assert placed | {"no": ""} == {"no": "", "state": "delivered", "total_cents": 1_000}
    assert status == {"no": placed["no"], "state": "delivered", "total_cents": 1_000, "final": True, "keys": ["KEY-1"]}


async def test_htmx_is_led_to_the_order(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    buyer = await member(shop, browser, wallet_cents=2_500)

    answer = await buyer.post("/orders", await order_form(buyer, shop), **{"HX-Request": "true"})

    assert answer.status_code == 200
    assert answer.headers["hx-redirect"].startswith("/orders/")


async def test_a_wallet_that_is_too_low_shows_the_form_again(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2", "K3"], price="10.00")
    buyer = await member(shop, browser, wallet_cents=2_999)

    answer = await buy(buyer, shop, quantity="3", contact="139 0000 0000")

    assert answer.status_code == 422
    assert "Your balance does not cover this." in answer.text
    assert 'href="/wallet"' in answer.text
    assert 'value="139 0000 0000"' in answer.text
    assert 'max="3" step="1" value="3"' in answer.text
    assert await count_of_orders(shop.tenant) == 0
    assert await ledger_is_balanced(runtime)


async def test_an_exhausted_deposit_refuses_and_tells_the_owner_once(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"], wholesale_price="8.00", deposit_cents=799)
    buyer = await member(shop, browser, wallet_cents=5_000)

    answers = [await buy(buyer, shop), await buy(buyer, shop)]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "You have not been charged" in answers[0].text
    async with shop.tenant.begin() as session:
        assert [notice.kind for notice in await notices.unread(session)] == ["deposit_low"]


async def test_what_is_sold_out_cannot_be_bought(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await member(shop, browser, wallet_cents=5_000)
    form = await order_form(buyer, shop)
    await bought(buyer, shop)

    answer = await buyer.post("/orders", form)

    assert answer.status_code == 422
    assert "Sold out. You have not been charged." in answer.text


async def test_a_stranger_without_money_stays_a_stranger(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    stranger = browser(shop.tenant)

    answer = await buy(stranger, shop)

    assert answer.status_code == 422
    assert (await stranger.get("/account")).status_code == 303


async def test_the_shelf_shows_what_is_on_sale_and_finds_it(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    visitor = browser(shop.tenant)

    home, found, missed = [(await visitor.get(path)).text for path in ("/", "/?q=%E6%9C%88%E5%8D%A1", "/?q=%25")]

    link = f'href="/p/{shop.product_id}"'
    assert link in home
    assert link in found
    assert link not in missed
