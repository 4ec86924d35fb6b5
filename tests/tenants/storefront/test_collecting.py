"""The master collects for a station: a wallet is filled and money is held for the station, once and only if paid."""

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.payments import service as payments
from billing.payments.adapters.epay.signing import signed
from billing.payments.till import master_till
from kameng.core import ids
from kameng.infra.db import sqlstate
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.tenants.storefront.gateway import KEY, Gateway, running_gateway
from tests.tenants.storefront.lending import held, lend_channel, offer
from tests.tenants.storefront.steps import member, newest_buyer

PAY_LINK = re.compile(r'href="(http://127\.0\.0\.1:[0-9]+/submit\.php\?[^"]+)"')
DEPOSIT = 1_000_000


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


async def top_up(browser: Browser, channel: int, amount: str) -> str:
    """The number of a payment that was opened and not made."""
    form = {"amount": amount, "pay_method": str(channel)}
    answer = await browser.post("/wallet/topups", form, page="/wallet")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/pay/")


async def link_of(browser: Browser, no: str) -> str:
    page = await browser.get(f"/pay/{no}")
    found = PAY_LINK.search(page.text)
    assert found, page.text
    return unescape(found[1])


async def notify_master(
    runtime: Runtime, door: HostDispatch, channel: int, no: str, notice: dict[str, str]
) -> httpx.Response:
    async with Browser(door, runtime.settings.master_host).client as client:
        return await client.get(f"/pay/{channel}/{no}/notify", params=notice)


async def test_a_collected_topup_is_in_the_wallet_and_held_for_the_station_once(
    runtime: Runtime, door: HostDispatch, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    lent = await lend_channel(runtime, gateway.url, fee_rate="0.006")
    channel = await offer(shop, lent)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel, "50")
    link = await link_of(buyer, no)

    notice = await gateway.pay(link)
    answers = [await notify_master(runtime, door, lent, no, notice) for _ in range(3)]
    await work_off(runtime)
    await work_off(runtime)

    assert [(one.status_code, one.text) for one in answers] == [(200, "success")] * 3
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 5_000
    assert await held(shop) == {"collected": 4_970, "earnings": 0, "payout": 0, "deposit": DEPOSIT}
    assert "Your wallet is topped up" in (await buyer.get(f"/pay/{no}")).text
    assert await ledger_is_balanced(runtime)


async def test_what_no_notice_told_of_is_collected_by_asking(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    channel = await offer(shop, await lend_channel(runtime, gateway.url))
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel, "20")
    await gateway.pay(await link_of(buyer, no))

    assert await payments.confirm(runtime, shop.tenant, no)
    assert await payments.confirm(runtime, shop.tenant, no)

    assert (await held(shop))["collected"] == 2_000
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 2_000


async def test_a_worker_hands_over_what_was_confirmed_when_the_web_died(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    channel = await offer(shop, await lend_channel(runtime, gateway.url))
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel, "20")
    await gateway.pay(await link_of(buyer, no))
    assert await payments.confirm(runtime, master_till(runtime), no)
    assert (await held(shop))["collected"] == 0

    await work_off(runtime)

    assert (await held(shop))["collected"] == 2_000
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 2_000


async def test_forged_notices_at_the_master_credit_nothing(
    runtime: Runtime, door: HostDispatch, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    lent = await lend_channel(runtime, gateway.url)
    buyer = await member(shop, browser)
    channel = await offer(shop, lent)
    no = await top_up(buyer, channel, "50")
    fields = {"out_trade_no": no, "trade_no": "T1", "money": "50.00", "pid": "1001", "trade_status": "TRADE_SUCCESS"}

    for notice in (
        signed(fields, "another key"),
        signed({**fields, "money": "0.01"}, KEY),
        signed(fields, KEY),  # rightly signed, and the gateway says that nobody has paid
    ):
        assert (await notify_master(runtime, door, lent, no, notice)).text == "fail"

    at_station = await buyer.client.get(f"/pay/{channel}/{no}/notify", params=signed(fields, KEY))

    assert (at_station.status_code, at_station.text) == (400, "fail")
    assert (await held(shop))["collected"] == 0
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0


@pytest.mark.parametrize("whose", ["nobody's", "unpaid", "another station's"])
async def test_a_station_cannot_take_what_was_not_collected_for_it(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway, whose: str
) -> None:
    shop, other = await open_shop(runtime), await open_shop(runtime)
    lent = await lend_channel(runtime, gateway.url)
    no = f"P{ids.code(12)}"
    if whose != "nobody's":
        payer = other if whose == "another station's" else shop
        buyer = await member(payer, browser)
        no = await top_up(buyer, await offer(payer, lent), "50")
        if whose == "another station's":
            await gateway.pay(await link_of(buyer, no))
            assert await payments.confirm(runtime, other.tenant, no)

    refused = await _refused(shop, no)

    assert refused == "KM404"
    assert (await held(shop))["collected"] == 0


async def _refused(shop: Shop, no: str) -> str:
    try:
        async with shop.tenant.begin() as session:
            await session.execute(text("SELECT post_collected(:no)"), {"no": no})
    except DBAPIError as error:
        return sqlstate(error)
    return ""


async def test_a_channel_that_is_not_lent_any_more_is_refused_and_money_under_way_still_arrives(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime)
    lent = await lend_channel(runtime, gateway.url)
    channel = await offer(shop, lent)
    buyer = await member(shop, browser)
    no = await top_up(buyer, channel, "30")
    async with runtime.database.master_session() as session:
        await payments.lend_channel(session, lent, lent=False)

    again = await buyer.post("/wallet/topups", {"amount": "30", "pay_method": str(channel)}, page="/wallet")
    await gateway.pay(await link_of(buyer, no))

    assert again.status_code == 422
    assert "This way to pay is not offered here." in again.text
    assert await payments.confirm(runtime, shop.tenant, no)
    assert (await held(shop))["collected"] == 3_000
