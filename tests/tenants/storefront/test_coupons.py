"""Coupons at the product's page: what they take off before paying, and why they do not."""

from kameng.infra.runtime import Runtime
from tenants.toggles import flags
from tenants.toggles import service as toggles
from tests.support.browser_client import OpenBrowser
from tests.support.house import open_shop
from tests.support.staff_client import error_at, text_of
from tests.tenants.marketing.coupons.making import counts, coupon
from tests.tenants.storefront.steps import bought, buy, count_of_orders, member, newest_buyer


async def test_the_page_says_what_is_to_pay_with_a_coupon_before_anything_is_charged(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["A", "B"], wholesale_price="5.00")
    made = await coupon(shop, kind="percent", amount_cents=None, percent=15)
    buyer = await member(shop, browser, wallet_cents=2_000)
    page = f"/products/{shop.product_id}/coupon"

    told = text_of(await buyer.get(f"{page}?coupon={made.code}&quantity=2"))
    wrong = text_of(await buyer.get(f"{page}?coupon=NOPE&quantity=2"))
    nothing = (await buyer.get(f"{page}?coupon=&quantity=2")).text
    assert (await counts(shop, made))[0] == 0
    await bought(buyer, shop, coupon=made.code, quantity="2")

    assert "−¥3.00" in told
    assert "¥17.00" in told
    assert "No coupon has this code" in wrong
    assert nothing == ""
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 300


async def test_a_refused_coupon_stands_at_its_field_and_nothing_is_charged(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["A"], wholesale_price="9.50")
    made = await coupon(shop, amount_cents=100)
    buyer = await member(shop, browser, wallet_cents=1_000)

    below = await buy(buyer, shop, coupon=made.code)
    unknown = await buy(buyer, shop, coupon="NO-SUCH")

    assert below.status_code == unknown.status_code == 422
    assert "the price would fall too low" in error_at(below, "coupon")
    assert "No coupon has this code" in error_at(unknown, "coupon")
    assert f'value="{made.code}"' in below.text
    assert await count_of_orders(shop.tenant) == 0


async def test_a_link_carries_a_coupon_into_the_forms(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["A"])
    made = await coupon(shop)
    guest = browser(shop.tenant)

    answer = await guest.get(f"/coupon/{made.code.lower()}")

    assert answer.headers["location"] == "/"
    assert f'value="{made.code}"' in (await guest.get(f"/p/{shop.product_id}")).text


async def test_a_shop_without_coupons_and_cart_takes_and_shows_none(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["A"], wholesale_price="5.00")
    made = await coupon(shop)
    async with shop.tenant.begin() as session:
        for flag in (flags.COUPONS, flags.CART):
            await toggles.choose(session, flag, False)
    buyer = await member(shop, browser, wallet_cents=1_000)

    page = await buyer.get(f"/p/{shop.product_id}")
    answer = await buy(buyer, shop, coupon=made.code)

    assert 'name="coupon"' not in page.text
    assert "cart-add" not in page.text
    assert answer.status_code == 422
    assert (await buyer.get("/cart")).status_code == 404
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000
