"""An order is its buyer's and nobody else's."""

from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tests.support.browser_client import OpenBrowser, same_page
from tests.support.house import open_shop
from tests.tenants.storefront.steps import bought, member

NOBODYS = "261122-AAAAAAAAAA"
END = text(
    "UPDATE orders SET state = :state, reason = :reason, delivered_at = NULL,"
    " paid_at = CASE WHEN :state = 'refunded' THEN now() END"
)
JSON = {"Accept": "application/json"}


async def test_another_buyers_order_is_not_there(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    owner = await member(shop, browser, wallet_cents=2_500)
    no = await bought(owner, shop)
    others = [await member(shop, browser), browser(shop.tenant)]

    for other in others:
        for path in ("", "/status", "/live", "/keys.txt"):
            answer = await other.get(f"/orders/{no}{path}")
            assert answer.status_code == 404
            assert "KEY-1" not in answer.text


async def test_a_session_of_one_station_is_nobody_at_another(runtime: Runtime, browser: OpenBrowser) -> None:
    ours, theirs = await open_shop(runtime, keys=["A"]), await open_shop(runtime, keys=["B"])
    buyer = await member(ours, browser, wallet_cents=2_500)
    no = await bought(buyer, ours)
    stray = browser(theirs.tenant)
    stray.client.cookies.set("kameng", buyer.client.cookies["kameng"])

    assert (await stray.get(f"/orders/{no}")).status_code == 404
    assert (await stray.get("/account")).headers["location"] == "/login?next=/account"
    assert "¥15.00" not in (await stray.get("/wallet")).text


async def test_keys_can_be_downloaded(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1", "密钥-2"])
    buyer = await member(shop, browser, wallet_cents=2_500)
    no = await bought(buyer, shop, quantity="2")

    file = await buyer.get(f"/orders/{no}/keys.txt")

    assert sorted(file.text.split()) == ["KEY-1", "密钥-2"]
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    assert file.headers["content-disposition"] == f'attachment; filename="{no}.txt"'
    assert file.headers["cache-control"] == "no-store"


async def test_a_waiting_order_says_why_and_shows_no_key(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    buyer = await member(shop, browser, wallet_cents=2_500)
    no = await bought(buyer, shop)
    said = {
        "out_of_stock": "sold out at our supplier",
        "supplier_down": "does not answer",
        "checking": "still working on your order",
    }

    for reason, words in said.items():
        async with shop.tenant.begin() as session:
            await session.execute(
                text(
                    "UPDATE orders SET state = 'waiting', delivered_at = NULL, delivered_quantity = 0, reason = :reason"
                ),
                {"reason": reason},
            )
        page = (await buyer.get(f"/orders/{no}")).text
        assert words in page
        assert "Nothing is lost" in page
        assert "KEY-1" not in page
        assert f"/live?shown=waiting.{reason}" in page
    assert (await buyer.get(f"/orders/{no}/keys.txt")).status_code == 404
    status = (await buyer.get(f"/orders/{no}/status", **JSON)).json()
    assert status == {"no": no, "state": "waiting", "total_cents": 1_000, "final": False}


async def test_what_ended_without_a_key_says_where_the_money_is(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    buyer = await member(shop, browser, wallet_cents=2_500)
    no = await bought(buyer, shop)
    ends = [
        ("expired", "money_in_wallet", "The whole amount is in your wallet"),
        ("expired", "not_paid", "You have not been charged"),
        ("refunded", "", "went back to your wallet"),
    ]

    for state, reason, words in ends:
        async with shop.tenant.begin() as session:
            await session.execute(END, {"state": state, "reason": reason})
        assert words in (await buyer.get(f"/orders/{no}")).text


async def test_the_list_holds_ones_own_orders_in_pages(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(22)], price="1.00", wholesale_price="0.50")
    buyer = await member(shop, browser, wallet_cents=5_000)
    numbers = [await bought(buyer, shop) for _ in range(21)]
    other = await member(shop, browser)

    first, second = (await buyer.get("/orders")).text, (await buyer.get("/orders?page=2")).text

    assert numbers[20] in first
    assert numbers[0] not in first
    assert numbers[0] in second
    assert "No orders yet" in (await other.get("/orders")).text
    assert "Log in to see your orders" in (await browser(shop.tenant).get("/orders")).text


async def test_an_order_is_found_by_its_number_by_its_owner_only(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    owner, other = await member(shop, browser, wallet_cents=2_500), await member(shop, browser)
    no = await bought(owner, shop)
    await other.get("/")  # takes the greeting of the new account off the next page

    found = await owner.get(f"/orders/find?no=+{no.lower()}")
    theirs = await other.get(f"/orders/find?no={no}")
    nobodys = await other.get(f"/orders/find?no={NOBODYS}")

    assert found.headers["location"] == f"/orders/{no}"
    assert theirs.status_code == nobodys.status_code == 404
    assert same_page(theirs, nobodys, no, NOBODYS)


async def test_numbers_cannot_be_tried_out(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    visitor = browser(shop.tenant)

    answers = [await visitor.get(f"/orders/find?no=261122-AAAAAAAA{n}") for n in range(10, 31)]

    assert [answer.status_code for answer in answers] == [404] * 20 + [429]
