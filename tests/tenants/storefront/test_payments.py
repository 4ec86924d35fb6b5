"""Paying through a gateway: only what the gateway itself confirms is credited, once."""

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from sqlalchemy import text

from billing.payments.adapters.epay.signing import signed
from kameng.infra.runtime import Runtime
from tenants.toggles import flags
from tenants.toggles import service as toggles
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.storefront.gateway import KEY, Gateway, open_channel, running_gateway
from tests.tenants.storefront.steps import bought, member, newest_buyer

PAY_LINK = re.compile(r'href="(http://127\.0\.0\.1:[0-9]+/submit\.php\?[^"]+)"')
NOTICES = text("SELECT outcome, detail FROM payment_notices WHERE payment_no = :no ORDER BY id")
NEWEST = text("SELECT no FROM payments ORDER BY id DESC LIMIT 1")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


async def pay_link(browser: Browser, path: str) -> str:
    page = await browser.get(path)
    found = PAY_LINK.search(page.text)
    assert found, page.text
    return unescape(found[1])


async def top_up(browser: Browser, channel: int, amount: str = "") -> str:
    """The number of a payment that was opened and not made."""
    form = {"preset": "50", "amount": amount, "pay_method": str(channel)}
    answer = await browser.post("/wallet/topups", form, page="/wallet")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/pay/")


async def notify(browser: Browser, channel: int, no: str, notice: dict[str, str]) -> httpx.Response:
    return await browser.client.get(f"/pay/{channel}/{no}/notify", params=notice)


async def notices(shop: Shop, no: str) -> list[tuple[str, str]]:
    async with shop.tenant.begin() as session:
        return [(row.outcome, row.detail) for row in await session.execute(NOTICES, {"no": no})]


async def payment_of_order(shop: Shop) -> str:
    async with shop.tenant.begin() as session:
        return str((await session.execute(NEWEST)).scalar_one())


async def test_a_topup_is_credited_once_however_often_it_is_notified(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, gateway.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel, amount="12.34")
    stranger = browser(shop.tenant)

    notice = await gateway.pay(await pay_link(buyer, f"/pay/{no}"))
    answers = [await notify(stranger, channel, no, notice) for _ in range(2)]

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "success")] * 2
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_234
    assert await notices(shop, no) == [("believed", "")] * 2
    page = await buyer.get(f"/pay/{no}")
    assert "Your wallet is topped up" in page.text
    assert "data-final" in page.text
    assert await ledger_is_balanced(runtime)


async def test_the_return_page_credits_nothing(runtime: Runtime, browser: OpenBrowser, gateway: Gateway) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, gateway.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)
    notice = await gateway.pay(await pay_link(buyer, f"/pay/{no}"))

    page = await buyer.client.get(f"/pay/{no}", params=notice)

    assert page.status_code == 200
    assert "Your wallet is topped up" not in page.text
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


async def test_forged_notices_are_refused_and_kept(runtime: Runtime, browser: OpenBrowser, gateway: Gateway) -> None:
    shop = await open_shop(runtime)
    channel, other = await open_channel(shop, gateway.url), await open_channel(shop, gateway.url, name="微信")
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)
    fields = {"out_trade_no": no, "trade_no": "2026112200001", "money": "50.00", "pid": "1001",
              "trade_status": "TRADE_SUCCESS"}  # fmt: skip
    forged = {
        "sign": signed(fields, "another key"),
        "amount": signed({**fields, "money": "0.01"}, KEY),
        "pid": signed({**fields, "pid": "1002"}, KEY),
        "payment_no": signed({**fields, "out_trade_no": "P261122AAAAAAAAAAAA"}, KEY),
        "trade_status": signed({**fields, "trade_status": "WAIT"}, KEY),
        "sign_type": {},
    }

    for notice in forged.values():
        answer = await notify(buyer, channel, no, notice)
        assert (answer.status_code, answer.text) == (400, "fail")
    assert (await notify(buyer, other, no, signed(fields, KEY))).status_code == 400

    assert await notices(shop, no) == [("refused", reason) for reason in [*forged, "channel"]]
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


async def test_a_notice_with_the_right_sign_is_not_believed_when_the_gateway_knows_better(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, gateway.url)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel)
    fields = {"out_trade_no": no, "trade_no": "2026112200001", "money": "50.00", "pid": "1001",
              "trade_status": "TRADE_SUCCESS"}  # fmt: skip

    answer = await notify(buyer, channel, no, signed(fields, KEY))

    assert (answer.status_code, answer.text) == (400, "fail")
    assert await notices(shop, no) == [("not_confirmed", "")]
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


@pytest.mark.parametrize("path", ["/pay/99/{no}/notify", "/pay/{channel}/P261122AAAAAAAAAAAA/notify",
                                  "/pay/99999999999/{no}/notify", "/pay/{channel}/%00/notify"])  # fmt: skip
async def test_a_notice_about_nothing_of_ours_is_not_found(runtime: Runtime, browser: OpenBrowser, path: str) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, "http://127.0.0.1:9")
    no = await top_up(await member(shop, browser), channel)

    answer = await browser(shop.tenant).client.post(path.format(no=no, channel=channel), data={"a": "b"})

    assert (answer.status_code, answer.text) == (404, "fail")


async def test_a_guest_pays_an_order_at_the_gateway_and_has_the_key(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"], price="10.00", wholesale_price="8.00", deposit_cents=5_000)
    channel = await open_channel(shop, gateway.url)
    guest = browser(shop.tenant)
    no = await bought(guest, shop, pay_method=str(channel))
    payment = await payment_of_order(shop)
    assert "data-countdown-to" in (await guest.get(f"/orders/{no}")).text

    notice = await gateway.pay(await pay_link(guest, f"/orders/{no}"))
    machine = browser(shop.tenant)
    answers = [await machine.client.post(f"/pay/{channel}/{payment}/notify", data=notice) for _ in range(2)]

    assert [answer.text for answer in answers] == ["success", "success"]
    assert "KEY-1" in (await guest.get(f"/orders/{no}")).text
    assert (await guest.get(f"/pay/{payment}")).headers["location"] == f"/orders/{no}"
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0
    assert await shop.deposit_cents() == 4_200
    assert await ledger_is_balanced(runtime)


async def test_money_for_an_order_that_sold_out_is_in_the_wallet(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"], price="10.00")
    async with shop.tenant.begin() as session:
        await toggles.choose(session, flags.HOLD_STOCK, False)
    channel = await open_channel(shop, gateway.url)
    guest, quicker = browser(shop.tenant), await member(shop, browser, wallet_cents=1_000)
    no = await bought(guest, shop, pay_method=str(channel))
    await bought(quicker, shop)

    notice = await gateway.pay(await pay_link(guest, f"/orders/{no}"))
    answer = await notify(guest, channel, await payment_of_order(shop), notice)

    assert answer.text == "success"
    page = (await guest.get(f"/orders/{no}")).text
    assert "Your money is in your wallet" in page
    assert "¥10.00" in (await guest.get("/wallet")).text
    assert await ledger_is_balanced(runtime)


async def test_somebody_elses_payment_is_not_there(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, "http://127.0.0.1:9")
    no = await top_up(await member(shop, browser), channel)
    other = await member(shop, browser)

    for path in (f"/pay/{no}", f"/pay/{no}/status", f"/pay/{no}/live"):
        assert (await other.get(path)).status_code == 404


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "50000.01", "1e9", "abc"])
async def test_an_amount_that_cannot_be_paid_is_named(runtime: Runtime, browser: OpenBrowser, amount: str) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, "http://127.0.0.1:9")
    buyer = await member(shop, browser)

    answer = await buyer.post("/wallet/topups", {"amount": amount, "pay_method": str(channel)}, page="/wallet")

    assert answer.status_code == 422
    assert 'href="#amount"' in answer.text


async def test_a_stranger_who_tops_up_is_a_guest_from_then_on(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    channel = await open_channel(shop, gateway.url)
    stranger = browser(shop.tenant)
    no = await top_up(stranger, channel)

    await notify(stranger, channel, no, await gateway.pay(await pay_link(stranger, f"/pay/{no}")))

    assert "¥50.00" in (await stranger.get("/wallet")).text
    assert "This balance can be used in this browser only." in (await stranger.get("/wallet")).text
