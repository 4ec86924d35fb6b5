"""What an order's page tells its buyer: what he filled in, what he saved, what has come, what went back."""

from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.orders import queries, service
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, open_shop
from tests.tenants.orders import stall
from tests.tenants.storefront.steps import bought, buy, member, newest_buyer

FIELDS = [{"label": "充值账号", "kind": "account"}, {"label": "手机号", "kind": "phone", "required": False}]


async def waiting_for_three(runtime: Runtime, browser: OpenBrowser) -> tuple[Shop, Browser, str]:
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    buyer = await member(shop, browser, wallet_cents=3_000)
    return shop, buyer, await bought(buyer, shop, quantity="3")


async def give(shop: Shop, no: str, *keys: str) -> None:
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        order = await queries.order_by_no(session, no)
        await service.deliver(session, sealer, order.id, keys)


async def test_what_was_filled_in_stands_on_the_order(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    await stall.change(shop, fields=FIELDS)
    buyer = await member(shop, browser, wallet_cents=1_000)

    no = await bought(buyer, shop, **{"inputs.0": "steam_阿明"})

    page = (await buyer.get(f"/orders/{no}")).text
    assert "充值账号" in page
    assert "steam_阿明" in page
    assert "手机号" not in page


async def test_a_wrong_input_is_refused_and_nothing_is_charged(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    await stall.change(shop, fields=FIELDS)
    buyer = await member(shop, browser, wallet_cents=1_000)

    answer = await buy(buyer, shop, **{"inputs.0": "a", "inputs.1": "12"})

    assert answer.status_code == 422
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000


async def test_a_part_is_shown_while_the_rest_is_on_its_way_and_when_it_never_comes(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    shop, buyer, no = await waiting_for_three(runtime, browser)
    await give(shop, no, "P-1", "P-2")

    page = (await buyer.get(f"/orders/{no}")).text
    assert "2 of 3 have come; the rest follows." in page
    assert "P-2" in page
    async with shop.tenant.begin() as session:
        order = await queries.order_by_no(session, no)
        await service.end_part(session, order.id, "not_delivered")

    page = (await buyer.get(f"/orders/{no}")).text
    assert "2 of 3 have come" in page
    assert "¥10.00 went back to your wallet for it." in page
    assert "P-1" in (await buyer.get(f"/orders/{no}/keys.txt")).text
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000


async def test_a_discount_stands_on_the_order(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await member(shop, browser, wallet_cents=1_000)
    placed = await stall.buy(shop, await newest_buyer(shop.tenant), discount=service.Discount(1, 150))

    page = (await buyer.get(f"/orders/{placed.no}")).text

    assert "−¥1.50" in page
    assert "¥8.50" in page


async def test_a_buyer_cancels_while_it_is_unpaid_and_the_card_is_for_sale_again(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=await stall.channel(shop))

    other = await member(shop, browser)
    assert (await other.post(f"/orders/{no}/cancel", {}, page="/wallet")).status_code == 404
    await buyer.post(f"/orders/{no}/cancel", {}, page="/wallet")

    assert "This order was cancelled" in (await buyer.get(f"/orders/{no}")).text
    assert await shop.state(no) == "cancelled"
    assert await stall.master_count(shop, "card_pool") == 1


async def test_a_paid_order_says_that_it_cannot_be_cancelled(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await member(shop, browser, wallet_cents=1_000)
    no = await bought(buyer, shop)

    await buyer.post(f"/orders/{no}/cancel", {}, page="/wallet")

    assert await shop.state(no) == "delivered"


async def test_money_for_a_cancelled_order_is_in_the_wallet_and_the_page_says_so(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=await stall.channel(shop))
    await buyer.post(f"/orders/{no}/cancel", {}, page="/wallet")
    async with shop.tenant.begin() as session:
        await session.execute(
            text("UPDATE payments SET state = 'paid', paid_at = now() WHERE subject = :no"), {"no": no}
        )
        await session.execute(
            stall.TOPUP, {"no": ids.code(12), "buyer": await newest_buyer(shop.tenant), "cents": 1_000}
        )

    page = (await buyer.get(f"/orders/{no}")).text

    assert "Your money is in your wallet" in page
