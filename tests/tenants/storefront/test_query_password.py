"""A query password given at the checkout opens the order in another browser; who did so is written down."""

import pytest

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.support.browser_client import OpenBrowser
from tests.support.house import Shop, open_shop
from tests.support.staff_client import text_of
from tests.tenants.orders.stall import channel
from tests.tenants.storefront.steps import bought, buy, count_of_orders, member

CONTACT, PASSWORD = "li@example.test", "open sesame"
SEEN = "SELECT kind, act FROM card_reveals ORDER BY id"


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=[f"KEY-{ids.code(8)}" for _ in range(5)])


async def seen(shop: Shop) -> list[tuple[str, str]]:
    async with shop.tenant.begin() as session:
        connection = await session.connection()
        return [(row.kind, row.act) for row in (await connection.exec_driver_sql(SEEN)).all()]


async def test_who_bought_with_a_password_opens_the_order_in_another_browser(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser, wallet_cents=2_500)
    no = await bought(buyer, shop, contact=CONTACT, query_password=PASSWORD)
    page = (await buyer.get(f"/orders/{no}")).text
    elsewhere = browser(shop.tenant)

    asked = {"order_no": no, "contact": CONTACT, "query_password": PASSWORD}
    opened = await elsewhere.post("/lookup", asked, page="/lookup")
    shown = await elsewhere.get("/lookup/order")
    before = await seen(shop)
    revealed = await elsewhere.post("/lookup/order/keys", {}, page="/lookup/order")

    assert f"/lookup?no={no}" in page
    assert opened.headers["location"] == "/lookup/order"
    assert "KEY-" not in shown.text
    assert before == [("buyer", "shown")]
    assert "KEY-" in revealed.text
    assert await seen(shop) == [("buyer", "shown"), ("buyer", "lookup")]


async def test_a_guest_who_left_no_password_is_told_that_only_this_browser_opens_it(
    shop: Shop, browser: OpenBrowser
) -> None:
    pay_method = await channel(shop)
    guest = browser(shop.tenant)

    with_password = await bought(guest, shop, pay_method=pay_method, contact=CONTACT, query_password=PASSWORD)
    without = await bought(guest, shop, pay_method=pay_method, contact=CONTACT)

    for no in (with_password, without):
        await guest.post(f"/orders/{no}/cancel", {})
    assert "this order opens in any browser" in text_of(await guest.get(f"/orders/{with_password}"))
    assert "This order can be opened in this browser only." in text_of(await guest.get(f"/orders/{without}"))


@pytest.mark.parametrize(
    ("contact", "password", "field"), [("", PASSWORD, "contact"), (CONTACT, "12345", "query_password")]
)
async def test_a_password_that_would_not_serve_is_refused_at_its_field(
    shop: Shop, browser: OpenBrowser, contact: str, password: str, field: str
) -> None:
    buyer = await member(shop, browser, wallet_cents=2_500)

    answer = await buy(buyer, shop, contact=contact, query_password=password)

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert password not in answer.text
    assert await count_of_orders(shop.tenant) == 0
