"""Orders at the console: found, looked at, refunded."""

from uuid import UUID

import pytest

from billing.deposits import service as deposits
from kameng.infra.runtime import Runtime
from tenants.orders import queries, service
from tenants.orders.service import Placed
from tests.admin_ui.conftest import audited
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient, text_of
from tests.tenants.orders import stall


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """A shop whose supplier is away, so that orders wait."""
    return await open_shop(
        runtime,
        supplier_url="http://127.0.0.1:9",
        supplier_sku="sku",
        supplier_secret="s",
        deposit_cents=5_000,
    )


async def waiting(shop: Shop, buyer: UUID) -> Placed:
    placed = await shop.buy(buyer)
    async with shop.tenant.begin() as session:
        await service.wait(session, await queries.order(session, placed.id), "supplier_down")
    return placed


async def test_a_refund_moves_the_money_back_and_is_audited(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer(wallet_cents=1_500)
    order = await waiting(shop, buyer)
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (500, 4_200)
    assert "Refund this order" in text_of(await owner.get(f"/console/orders/{order.no}"))

    page = await owner.follow(await owner.post(f"/console/orders/{order.no}/refund"))

    assert "The money is back in the buyer&#39;s wallet." in page.text
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (1_500, 5_000)
    assert await shop.state(order.no) == "refunded"
    assert len(await audited(runtime, "orders.refund", order.no)) == 1
    assert await ledger_is_balanced(runtime)
    assert "Refund this order" not in text_of(page)
    assert "Sale given back" in text_of(page)


async def test_a_second_refund_is_refused_and_nothing_moves(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer(wallet_cents=1_000)
    order = await waiting(shop, buyer)
    await owner.get(f"/console/orders/{order.no}")
    await owner.post(f"/console/orders/{order.no}/refund")

    page = await owner.follow(await owner.post(f"/console/orders/{order.no}/refund"))

    assert "Only an order that is paid and not delivered can be refunded." in page.text
    assert await shop.wallet_cents(buyer) == 1_000
    assert len(await audited(runtime, "orders.refund", order.no)) == 1


async def test_the_order_shows_its_ledger_in_balance_and_no_line_of_the_master(shop: Shop, owner: StaffClient) -> None:
    order = await waiting(shop, await shop.buyer(wallet_cents=1_000))

    page = text_of(await owner.get(f"/console/orders/{order.no}"))

    assert "Buyer's wallet 10.00" in page
    assert "Revenue 10.00" in page
    assert "Deposit 8.00" in page
    assert "Master station 8.00" in page
    assert "Balanced" in page
    assert "Not balanced" not in page
    assert "Cost of goods" not in page
    assert "sandbox" not in page.lower()  # the supplier is the master's business


async def test_orders_are_found_by_number_product_contact_and_state(shop: Shop, owner: StaffClient) -> None:
    order = await waiting(shop, await shop.buyer(wallet_cents=1_000))

    for query in (f"q={order.no[7:].lower()}", "q=月卡", "state=waiting"):
        assert order.no in (await owner.get(f"/console/orders?{query}")).text, query
    for query in ("q=100%25", "q=_", "state=delivered", "state=nonsense"):
        assert order.no not in (await owner.get(f"/console/orders?{query}")).text, query


async def test_a_long_list_comes_in_pages(shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer(wallet_cents=100_000)
    async with shop.runtime.database.master_session() as session:
        await deposits.pay_in(session, shop.tenant.id, 100_000, "more")
    orders = [await shop.buy(buyer) for _ in range(21)]

    first = await owner.get("/console/orders")
    second = await owner.get(f"/console/orders?after={orders[1].id}")

    assert f'href="/console/orders?after={orders[1].id}"' in first.text
    assert orders[-1].no in first.text
    assert orders[0].no not in first.text
    assert orders[0].no in second.text
    assert orders[1].no not in second.text


async def test_the_overview_tells_of_waiting_orders_until_it_is_read(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    order = await waiting(shop, await shop.buyer(wallet_cents=1_000))

    page = await owner.get("/console")
    assert f"Order {order.no} waits: The supplier does not answer" in text_of(page)
    notice = page.text.partition('/read"')[0].rpartition("/")[2]

    page = await owner.follow(await owner.post(f"/console/notices/{notice}/read"))
    assert f"Order {order.no} waits" not in text_of(page)
    assert len(await audited(runtime, "notices.read", notice, shop.tenant)) == 1


async def test_the_overview_counts_today(shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer(wallet_cents=2_000)
    await shop.buy(buyer)
    await waiting(shop, buyer)

    page = text_of(await owner.get("/console"))

    assert "Orders today 2" in page
    assert "Revenue today ¥20.00" in page
    assert "Profit today ¥4.00" in page
    assert "Orders waiting 1 Paid and not delivered yet" in page
    assert "Deposit with the master ¥34.00" in page


async def test_a_notice_goes_away_by_itself_when_its_order_waits_no_longer(shop: Shop, owner: StaffClient) -> None:
    order = await waiting(shop, await shop.buyer(wallet_cents=1_000))
    assert order.no in text_of(await owner.get("/console")).partition("Orders today")[0]

    await owner.post(f"/console/orders/{order.no}/refund")

    assert order.no not in text_of(await owner.get("/console")).partition("Orders today")[0]


async def test_staff_deliver_by_hand_and_the_buyer_has_it(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    order = await waiting(shop, await shop.buyer(wallet_cents=1_000))
    assert "One card a line; 1 is missing." in text_of(await owner.get(f"/console/orders/{order.no}"))

    page = await owner.follow(await owner.post(f"/console/orders/{order.no}/deliver", cards=" HAND-1 \r\n"))

    assert "It is on the buyer&#39;s page." in page.text
    assert await shop.keys(order.id) == ["HAND-1"]
    assert await shop.state(order.no) == "delivered"
    assert await shop.deposit_cents() == 5_000  # the master has delivered nothing
    assert "Deliver by hand" not in text_of(page)
    assert len(await audited(runtime, "orders.deliver", order.no)) == 1


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ("", "Write the cards, or a message that says what was done."),
        ("A\nB", "1 are missing, and these are more."),
        ("A\nA", "The same card stands there twice."),
    ],
)
async def test_what_cannot_be_handed_over_is_named_and_stays_in_the_form(
    shop: Shop, owner: StaffClient, cards: str, said: str
) -> None:
    order = await waiting(shop, await shop.buyer(wallet_cents=1_000))
    await owner.get(f"/console/orders/{order.no}")

    page = await owner.post(f"/console/orders/{order.no}/deliver", cards=cards)

    assert page.status_code == 422
    assert said in text_of(page)
    assert cards.splitlines()[-1:] == [] or cards.splitlines()[-1] in page.text
    assert await shop.state(order.no) == "waiting"


async def test_an_unpaid_order_is_called_off_by_the_owner(runtime: Runtime, owner: StaffClient, shop: Shop) -> None:
    order = await stall.buy(shop, await shop.buyer(), pay=await stall.channel(shop))
    await owner.get(f"/console/orders/{order.no}")

    await owner.post(f"/console/orders/{order.no}/cancel")
    page = await owner.follow(await owner.post(f"/console/orders/{order.no}/cancel"))

    assert await shop.state(order.no) == "cancelled"
    assert "It was called off before it was paid" in text_of(page)
    assert len(await audited(runtime, "orders.cancel", order.no)) == 1
