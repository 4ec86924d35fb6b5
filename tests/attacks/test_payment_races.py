"""The same money from several sides at once: notices, polls, followers, expiry, refunds, and a gateway that lies."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from billing.payments import service as paying
from billing.payments.adapters.epay.signing import signed
from kameng.infra.runtime import Runtime
from tenants.orders import queries as order_queries
from tenants.orders import service as orders
from tenants.orders.payments import charge_paid_order
from tests.support.browser_client import Browser, OpenBrowser, browser
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.liar import Asked, Liar, running_liar
from tests.tenants.storefront.gateway import KEY, PID, open_channel
from tests.tenants.storefront.steps import bought, member, newest_buyer

__all__ = ["browser"]

NEWEST = text("SELECT no FROM payments ORDER BY id DESC LIMIT 1")


def paid(asked: Asked, **lies: Any) -> tuple[int, bytes]:
    """A gateway that says paid, with ten yuan, to whatever is asked; `lies` replace fields of it."""
    no = parse_qs(urlsplit(asked.target).query)["out_trade_no"][0]
    told = {"code": 1, "pid": PID, "status": 1, "money": "10.00", "trade_no": f"G{no}", "out_trade_no": no}
    return 200, json.dumps(told | lies).encode()


def unpaid(asked: Asked) -> tuple[int, bytes]:
    return paid(asked, status=0)


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with running_liar(paid) as started:
        yield started


def notice(no: str, **changes: str) -> dict[str, str]:
    """What the gateway would notify with, rightly signed."""
    fields = {
        "pid": PID, "out_trade_no": no, "trade_no": f"G{no}", "money": "10.00", "trade_status": "TRADE_SUCCESS",
        "type": "alipay",
    }  # fmt: skip
    return signed(fields | changes, KEY)


async def top_up(buyer: Browser, channel: int) -> str:
    answer = await buyer.post("/wallet/topups", {"amount": "10", "pay_method": str(channel)}, page="/wallet")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/pay/")


async def newest_payment(shop: Shop) -> str:
    async with shop.tenant.begin() as session:
        return str((await session.execute(NEWEST)).scalar_one())


async def notify(visitor: Browser, channel: int, no: str, said: dict[str, str]) -> httpx.Response:
    return await visitor.client.get(f"/pay/{channel}/{no}/notify", params=said)


async def test_twenty_notices_and_five_polls_at_once_credit_once(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)
    machine = browser(shop.tenant)

    answers = await asyncio.gather(
        *(notify(machine, channel, no, notice(no, trade_no=f"G{n}")) for n in range(20)),
        *(paying.confirm(runtime, shop.tenant, no) for _ in range(5)),
    )

    assert {answer.text for answer in answers if isinstance(answer, httpx.Response)} == {"success"}
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000
    assert await ledger_is_balanced(runtime)


async def test_an_order_is_charged_once_by_notices_follower_and_expiry_at_once(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(5)], deposit_cents=10_000)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=str(channel))
    payment, machine = await newest_payment(shop), browser(shop.tenant)

    async def expire() -> None:
        async with shop.tenant.begin() as session:
            order = await order_queries.order_by_no(session, no)
            await orders.expire(session, order.id, "not_paid")

    await asyncio.gather(
        *(notify(machine, channel, payment, notice(payment)) for _ in range(6)),
        *(charge_paid_order(runtime, shop.tenant, no) for _ in range(3)),
        expire(),
    )
    await work_off(runtime)

    state, wallet = await shop.state(no), await shop.wallet_cents(await newest_buyer(shop.tenant))
    assert (state, wallet, await shop.deposit_cents()) in [("delivered", 0, 9_200), ("expired", 1_000, 10_000)]
    async with shop.tenant.begin() as session:
        held = (await session.execute(text("SELECT count(*) FROM card_issued"))).scalar_one()
    assert held == (1 if state == "delivered" else 0)
    assert await ledger_is_balanced(runtime)


async def test_a_web_process_that_dies_after_the_credit_leaves_the_order_to_a_worker(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["K1"])
    channel = await open_channel(shop, liar.url)
    no = await bought(await member(shop, browser), shop, pay_method=str(channel))

    assert await paying.confirm(runtime, shop.tenant, await newest_payment(shop))  # and nothing after it
    assert await shop.state(no) == "unpaid"
    await work_off(runtime)

    assert await shop.state(no) == "delivered"


async def test_money_that_comes_after_the_order_expired_is_in_the_wallet(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["K1"])
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=str(channel))
    async with shop.tenant.begin() as session:
        order = await order_queries.order_by_no(session, no)
        await orders.expire(session, order.id, "not_paid")
    payment = await newest_payment(shop)

    assert (await notify(buyer, channel, payment, notice(payment))).text == "success"
    await work_off(runtime)

    assert await shop.state(no) == "expired"
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000
    assert "Your money is in your wallet" in (await buyer.get(f"/orders/{no}")).text


async def test_a_deposit_drained_before_the_payment_leaves_the_money_in_the_wallet(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2"], deposit_cents=800)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=str(channel))
    payer = await newest_buyer(shop.tenant)
    await shop.buy(await shop.buyer(wallet_cents=1_000))
    payment = await newest_payment(shop)

    assert (await notify(buyer, channel, payment, notice(payment))).text == "success"

    assert (await shop.state(no), await shop.deposit_cents()) == ("expired", 0)
    assert await shop.wallet_cents(payer) == 1_000
    assert await ledger_is_balanced(runtime)


FORGERIES: dict[str, dict[str, str]] = {
    "exponent": {"money": "1e1"},
    "full width": {"money": "１０.00"},
    "negative": {"money": "-10.00"},
    "not a number": {"money": "NaN"},
    "infinite": {"money": "Infinity"},
    "huge": {"money": "9" * 400},
    "missing": {"money": ""},
    "spaces": {"money": " 10.00 "},
    "thousands": {"money": "0,010.00"},
    "one cent more": {"money": "10.01"},
    "a fraction of a cent": {"money": "10.001"},
    "waiting": {"trade_status": "WAIT_BUYER_PAY"},
    "lower case": {"trade_status": "trade_success"},
    "finished": {"trade_status": "TRADE_FINISHED"},
    "no status": {"trade_status": ""},
    "another merchant": {"pid": "1002"},
    "no number of theirs": {"trade_no": ""},
    "another payment": {"out_trade_no": "P261122AAAAAAAAAAAA"},
    "a divider": {"name": "a&money=10.00"},
    "a zero byte in a name": {"na\x00&me": "x"},
}


@pytest.mark.parametrize("forgery", FORGERIES, ids=list(FORGERIES))
async def test_a_notice_with_a_right_signature_and_a_wrong_field_is_refused(
    runtime: Runtime, liar: Liar, browser: OpenBrowser, forgery: str
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)

    answer = await notify(buyer, channel, no, notice(no, **FORGERIES[forgery]))

    assert (answer.status_code, answer.text) == (400, "fail")
    assert liar.asked == []
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


async def test_fields_that_are_sent_twice_or_in_both_places_add_up_to_nothing(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)
    right = notice(no, money="0.01")
    path = f"/pay/{channel}/{no}/notify"

    answers = [
        await buyer.client.get(path, params=[*right.items(), ("money", "10.00")]),
        await buyer.client.get(path, params=[("money", "10.00"), *right.items()]),
        await buyer.client.post(path, params=right, data={"money": "10.00"}),
        await buyer.client.post(path, params={"money": "10.00"}, data=right),
        await buyer.client.get(path, params=[*right.items(), ("sign", "")]),
        await buyer.client.post(path, content=b"\xff\xfe" * 50, headers={"content-type": "application/json"}),
        await buyer.client.get(f"{path}?a=%ff&b=%00&{'x=1&' * 200}"),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


async def test_the_payment_of_another_station_or_channel_is_not_credited_here(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    a, b = await open_shop(runtime), await open_shop(runtime)
    channels = {shop.tenant.id: await open_channel(shop, liar.url) for shop in (a, b)}
    other_channel = await open_channel(a, liar.url, name="微信")
    buyer = await member(a, browser)
    no = await top_up(buyer, channels[a.tenant.id])
    stranger = browser(b.tenant)

    assert (await notify(stranger, channels[b.tenant.id], no, notice(no))).status_code == 404
    assert (await notify(buyer, other_channel, no, notice(no))).status_code == 400

    assert await a.wallet_cents(await newest_buyer(a.tenant)) == 0


QUERY_LIES: dict[str, dict[str, Any]] = {
    "less": {"money": "0.01"},
    "more": {"money": "1000.00"},
    "no amount": {"money": None},
    "not a number": {"money": "NaN"},
    "huge": {"money": "1e999999"},
    "another payment": {"out_trade_no": "P261122AAAAAAAAAAAA"},
    "another merchant": {"pid": "9"},
    "unpaid": {"status": 0},
    "a state of its own": {"status": 7},
    "an error": {"code": -1},
    "a list": {"code": [1]},
}


@pytest.mark.parametrize("lie", QUERY_LIES, ids=list(QUERY_LIES))
async def test_what_the_gateway_says_when_asked_must_be_this_payment_paid_in_full(
    runtime: Runtime, liar: Liar, browser: OpenBrowser, lie: str
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)
    liar.says = lambda asked: paid(asked, **QUERY_LIES[lie])

    answer = await notify(buyer, channel, no, notice(no))

    assert (answer.status_code, answer.text) == (400, "fail")
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


async def test_a_gateway_without_numbers_of_its_own_credits_every_payment(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    liar.says = lambda asked: paid(asked, trade_no=None)

    for _ in range(2):
        no = await top_up(buyer, channel)
        assert (await notify(buyer, channel, no, notice(no))).text == "success"

    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 2_000


@pytest.mark.parametrize("trade_no", ["THE-SAME", "G\x00", "G" * 20_000])
async def test_a_gateway_number_that_cannot_be_kept_credits_nothing_and_breaks_nothing(
    runtime: Runtime, liar: Liar, browser: OpenBrowser, trade_no: str
) -> None:
    """One payment at the gateway is one payment here: a number that comes again is of the first."""
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    first = await top_up(buyer, channel)
    liar.says = lambda asked: paid(asked, trade_no="THE-SAME")
    await notify(buyer, channel, first, notice(first))
    liar.says = lambda asked: paid(asked, trade_no=trade_no)
    no = await top_up(buyer, channel)

    answer = await notify(buyer, channel, no, notice(no))

    assert (answer.status_code, answer.text) == (400, "fail")
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000


async def test_a_flood_of_forged_notices_is_not_kept_for_ever(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, liar.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)

    for _ in range(60):
        await notify(buyer, channel, no, {"sign": "x"})

    async with shop.tenant.begin() as session:
        kept = (await session.execute(text("SELECT count(*) FROM payment_notices"))).scalar_one()
    assert kept == 50
    assert (await notify(buyer, channel, no, notice(no))).text == "success"


async def test_the_same_form_sent_many_times_over_http_is_one_order(
    runtime: Runtime, liar: Liar, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(10)])
    channel = await open_channel(shop, liar.url)
    for pay_method in ("wallet", str(channel)):
        buyer = await member(shop, browser, wallet_cents=10_000)
        form = await buyer.form(f"/p/{shop.product_id}")
        form |= {"quantity": "1", "pay_method": pay_method, "contact": ""}

        answers = await asyncio.gather(*(buyer.post("/orders", form) for _ in range(8)))

        assert {answer.status_code for answer in answers} == {303}
        assert len({answer.headers["location"] for answer in answers}) == 1
    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM payments"))).scalar_one() == 1
