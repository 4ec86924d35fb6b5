"""Carts and baskets through the front door: several products, one payment, several orders."""

import asyncio
import re
from collections.abc import Iterator
from html import unescape

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.staff_client import text_of
from tests.tenants.marketing.coupons.making import counts, coupon
from tests.tenants.orders import stall
from tests.tenants.storefront.gateway import Gateway, open_channel, running_gateway
from tests.tenants.storefront.lending import held, lend_channel, offer
from tests.tenants.storefront.steps import count_of_orders, member, newest_buyer

PAY_LINK = re.compile(r'href="(http://127\.0\.0\.1:[0-9]+/submit\.php\?[^"]+)"')
PAYMENT = text("SELECT no, purpose, amount_cents FROM payments ORDER BY id DESC LIMIT 1")
PAYMENTS = text("SELECT subject, (SELECT count(*) FROM orders WHERE basket_no = p.subject) AS orders FROM payments p")
ORDERS = text(
    "SELECT state, total_cents, discount_cents, quantity FROM orders WHERE basket_no <> '' ORDER BY product_id"
)
PHONE = [{"label": "手机号", "kind": "phone", "required": True, "hint": "", "choices": [], "pattern": ""}]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


async def two_products(runtime: Runtime, keys: int = 6) -> tuple[Shop, int]:
    """A shop with a product of ¥10.00 and another of ¥3.00, both of the same good."""
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(keys)], wholesale_price="2.00")
    other = await stall.add_product(shop, name="小月卡", good_id=shop.good_id, price="3.00")
    return shop, other


async def put_in(browser: Browser, product_id: int, quantity: int = 1) -> None:
    answer = await browser.post("/cart", {"product_id": str(product_id), "quantity": str(quantity)})
    assert answer.headers["location"] == "/cart"


async def check_out(browser: Browser, **changes: str) -> str:
    """The number of the basket that the cart became."""
    answer = await browser.post("/cart/checkout", await cart_form(browser, **changes))
    assert answer.status_code == 303, text_of(answer)
    return answer.headers["location"].removeprefix("/baskets/")


async def cart_form(browser: Browser, **changes: str) -> dict[str, str]:
    return (
        await browser.form("/cart")
        | {"pay_method": "wallet"}
        | {name.replace("__", "."): said for name, said in changes.items()}
    )


async def orders_of(shop: Shop) -> list[tuple[str, int, int, int]]:
    async with shop.tenant.begin() as session:
        return [tuple(row) for row in await session.execute(ORDERS)]


async def payment(shop: Shop) -> tuple[str, str, int]:
    async with shop.tenant.begin() as session:
        return tuple((await session.execute(PAYMENT)).one())


async def pay(browser: Browser, gateway: Gateway, basket: str) -> dict[str, str]:
    page = await browser.get(f"/baskets/{basket}")
    found = PAY_LINK.search(page.text)
    assert found, text_of(page)
    return await gateway.pay(unescape(found[1]))


async def test_a_cart_becomes_a_basket_of_orders_that_the_wallet_pays(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime)
    buyer = await member(shop, browser, wallet_cents=5_000)
    await put_in(buyer, shop.product_id, 2)
    await put_in(buyer, other)
    page = await buyer.get("/cart")
    assert '<span class="cart-count num">2</span>' in page.text
    assert "¥23.00" in text_of(page)

    basket = await check_out(buyer)

    assert await orders_of(shop) == [("delivered", 2_000, 0, 2), ("delivered", 300, 0, 1)]
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 2_700
    page = await buyer.get(f"/baskets/{basket}")
    assert text_of(page).count("Delivered") == 2
    order = re.search(r"/orders/([0-9A-Z-]+)", page.text)
    assert order
    assert "Bought together" in (await buyer.get(f"/orders/{order[1]}")).text
    empty = await buyer.get("/cart")
    assert "Your cart is empty" in empty.text
    assert "cart-count" not in empty.text
    assert await ledger_is_balanced(runtime)


async def test_one_payment_pays_for_all_orders_of_a_guests_basket(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop, other = await two_products(runtime)
    channel = await open_channel(shop, gateway.url)
    made = await coupon(shop, amount_cents=130, most=1)
    guest = browser(shop.tenant)
    await put_in(guest, shop.product_id)
    await put_in(guest, other)

    basket = await check_out(guest, pay_method=str(channel), coupon=made.code)

    no, purpose, cents = await payment(shop)
    assert (purpose, cents) == ("basket", 1_170)
    assert await orders_of(shop) == [("unpaid", 900, 100, 1), ("unpaid", 270, 30, 1)]
    notice = await pay(guest, gateway, basket)
    for _ in range(2):
        answer = await browser(shop.tenant).client.post(f"/pay/{channel}/{no}/notify", data=notice)
        assert answer.text == "success"
    assert [state for state, *_ in await orders_of(shop)] == ["delivered", "delivered"]
    assert (await guest.get(f"/pay/{no}")).headers["location"] == f"/baskets/{basket}"
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0
    assert await counts(shop, made) == (1, 1, 130, 1_170)
    assert await ledger_is_balanced(runtime)


async def test_what_cannot_be_charged_any_more_leaves_its_money_in_the_wallet_and_the_rest_goes_on(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop, other = await two_products(runtime)
    channel = await open_channel(shop, gateway.url)
    made = await coupon(shop, amount_cents=130)
    guest = browser(shop.tenant)
    await put_in(guest, shop.product_id)
    await put_in(guest, other)
    basket = await check_out(guest, pay_method=str(channel), coupon=made.code)
    notice = await pay(guest, gateway, basket)
    async with runtime.database.master_session() as session:  # ¥2.70 do not cover this any more; ¥9.00 do
        await session.execute(text("UPDATE tier_prices SET price = 5 WHERE good_id = :good"), {"good": shop.good_id})

    no, *_ = await payment(shop)
    await browser(shop.tenant).client.post(f"/pay/{channel}/{no}/notify", data=notice)
    await work_off(runtime)

    assert [state for state, *_ in await orders_of(shop)] == ["delivered", "expired"]
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 270
    assert "¥2.70 of your payment is in your wallet" in text_of(await guest.get(f"/baskets/{basket}"))
    assert await counts(shop, made) == (1, 1, 100, 900)
    assert await ledger_is_balanced(runtime)


async def test_the_master_collects_for_a_basket(
    runtime: Runtime, door: HostDispatch, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop, other = await two_products(runtime)
    lent = await lend_channel(runtime, gateway.url)
    channel = await offer(shop, lent)
    guest = browser(shop.tenant)
    await put_in(guest, shop.product_id)
    await put_in(guest, other)
    basket = await check_out(guest, pay_method=str(channel))
    notice = await pay(guest, gateway, basket)

    no, *_ = await payment(shop)
    async with Browser(door, runtime.settings.master_host).client as machine:
        answer = await machine.get(f"/pay/{lent}/{no}/notify", params=notice)

    assert answer.text == "success"
    assert [state for state, *_ in await orders_of(shop)] == ["delivered", "delivered"]
    assert (await held(shop))["collected"] == 1_300 - 2 * 200
    assert await ledger_is_balanced(runtime)


async def test_the_same_request_is_the_same_basket(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime)
    buyer = await member(shop, browser, wallet_cents=5_000)
    await put_in(buyer, shop.product_id)
    await put_in(buyer, other)
    form = await cart_form(buyer)

    first, again = [await buyer.post("/cart/checkout", form) for _ in range(2)]

    assert first.headers["location"] == again.headers["location"]
    assert await count_of_orders(shop.tenant) == 2


async def test_a_cart_that_is_sent_twice_at_once_is_one_basket_with_one_payment(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop, other = await two_products(runtime)
    channel = await open_channel(shop, gateway.url)
    buyer = await member(shop, browser)
    for _ in range(5):
        await put_in(buyer, shop.product_id)
        await put_in(buyer, other)
        form = await cart_form(buyer, pay_method=str(channel))

        answers = await asyncio.gather(*(buyer.post("/cart/checkout", form) for _ in range(4)))

        (where,) = {answer.headers["location"] for answer in answers}
        assert (await buyer.get(where)).status_code == 200
        async with shop.tenant.begin() as session:
            asked = (await session.execute(PAYMENTS)).all()
        assert [(one.subject, one.orders) for one in asked] == [(where.removeprefix("/baskets/"), 2)]
        await buyer.post(f"{where}/cancel", {})
        async with shop.tenant.begin() as session:
            await session.execute(text("DELETE FROM payments"))


async def test_nothing_of_a_cart_is_bought_when_one_line_cannot_be(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime, keys=4)
    buyer = await member(shop, browser, wallet_cents=9_000)
    await put_in(buyer, shop.product_id, 3)
    await put_in(buyer, other, 2)

    answer = await buyer.post("/cart/checkout", await cart_form(buyer))

    assert answer.status_code == 422
    assert "Sold out" in text_of(answer)
    assert await count_of_orders(shop.tenant) == 0
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 9_000
    assert "小月卡" in (await buyer.get("/cart")).text


async def test_each_line_has_its_own_fields_and_errors(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime)
    await stall.change(shop, other, fields=PHONE)
    buyer = await member(shop, browser, wallet_cents=5_000)
    await put_in(buyer, shop.product_id)
    await put_in(buyer, other)
    field = f"inputs.{other}.0"

    wrong = await buyer.post("/cart/checkout", await cart_form(buyer) | {field: "123"})

    assert wrong.status_code == 422
    assert f'id="{field}-error"' in wrong.text
    right = await buyer.post("/cart/checkout", await cart_form(buyer) | {field: "138 0000 0000"})
    assert right.status_code == 303
    assert len(await orders_of(shop)) == 2


async def test_quantities_change_and_what_is_taken_out_can_be_put_back(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime)
    await stall.change(shop, other, ladder=[[2, "2.50"]])
    guest = browser(shop.tenant)
    await put_in(guest, shop.product_id)
    await put_in(guest, other)

    more = await guest.post("/cart/lines", {f"quantity.{other}": "2"}, page="/cart")
    assert "¥15.00" in text_of(more)
    beyond = await guest.post("/cart/lines", {f"quantity.{other}": "999"}, page="/cart")
    assert 'max="100" step="1" value="100"' in beyond.text
    without = await guest.post("/cart/lines", {"remove": str(shop.product_id)}, page="/cart")
    assert f'name="quantity.{shop.product_id}"' not in without.text
    back = re.search(r'name="put_back" value="([^"]+)"', without.text)
    assert back
    again = await guest.post("/cart/lines", {"put_back": back[1]}, page="/cart")
    assert f'name="quantity.{shop.product_id}"' in again.text


async def test_a_cart_says_what_has_changed_since(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime)
    buyer = await member(shop, browser, wallet_cents=5_000)
    await put_in(buyer, shop.product_id)
    await put_in(buyer, other)
    await stall.change(shop, price="12.00")
    await stall.change(shop, other, state="hidden")

    page = text_of(await buyer.get("/cart"))
    await check_out(buyer)

    assert "was ¥10.00 when you put it in" in page
    assert "Not sold any more" in page
    assert await orders_of(shop) == [("delivered", 1_200, 0, 1)]
    assert "Not sold any more" in text_of(await buyer.get("/cart"))


async def test_a_browsers_cart_is_the_members_after_he_logs_in(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, other = await two_products(runtime)
    member_ = browser(shop.tenant)
    await member_.register("wang@example.test")
    await put_in(member_, shop.product_id, 2)
    elsewhere = browser(shop.tenant)
    await put_in(elsewhere, other)
    await put_in(elsewhere, shop.product_id)

    answer = await elsewhere.post("/login", {"login": "wang@example.test", "password": "correct horse"}, page="/login")

    assert answer.status_code == 303
    for one in (elsewhere, member_):
        page = await one.get("/cart")
        assert "¥23.00" in text_of(page)
        assert '<span class="cart-count num">2</span>' in page.text


async def test_a_basket_is_called_off_as_a_whole(runtime: Runtime, browser: OpenBrowser, gateway: Gateway) -> None:
    shop, other = await two_products(runtime)
    channel = await open_channel(shop, gateway.url)
    made = await coupon(shop, amount_cents=130, most=1)
    guest = browser(shop.tenant)
    await put_in(guest, shop.product_id)
    await put_in(guest, other)
    basket = await check_out(guest, pay_method=str(channel), coupon=made.code)
    assert (await counts(shop, made))[:2] == (1, 0)

    await guest.post(f"/baskets/{basket}/cancel", {}, page=f"/baskets/{basket}")

    assert [state for state, *_ in await orders_of(shop)] == ["cancelled", "cancelled"]
    assert (await counts(shop, made))[:2] == (0, 0)


async def test_nobody_sees_a_strangers_basket(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, _ = await two_products(runtime)
    buyer = await member(shop, browser, wallet_cents=5_000)
    await put_in(buyer, shop.product_id)
    basket = await check_out(buyer)
    stranger = await member(shop, browser)

    answers = [await stranger.get(f"/baskets/{basket}{part}") for part in ("", "/status", "/live")]
    answers.append(await stranger.post(f"/baskets/{basket}/cancel", {}))

    assert {answer.status_code for answer in answers} == {404}


async def test_nonsense_in_the_cookie_is_an_empty_cart(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, _ = await two_products(runtime)
    odd = browser(shop.tenant)
    odd.client.cookies.set("kameng_cart", "1.0.5_x_99999999999999999999.1.1_n5")

    page = await odd.get("/cart")

    assert page.status_code == 200
    assert "Your cart is empty" in page.text


async def test_a_product_is_put_into_the_cart_without_leaving_its_page(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, _ = await two_products(runtime)
    guest = browser(shop.tenant)

    answer = await guest.post("/cart", {"product_id": str(shop.product_id)}, **{"HX-Request": "true"})

    assert answer.status_code == 200
    assert 'hx-swap-oob="true"' in answer.text
    assert '<span class="cart-count num">1</span>' in answer.text
    assert "It is in your cart." in answer.headers["HX-Trigger"]
