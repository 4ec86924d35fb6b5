"""What a buyer is told leaves the page too: by e-mail, and to the address of the station's own machines."""

import hmac
from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec import structs
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.desk import settings
from tenants.desk.settings import Settings
from tests.support.browser_client import OpenBrowser, browser
from tests.support.hearer import Hearer, open_hearer
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.postbox import Postbox, open_postbox
from tests.tenants.desk.steps import case_of, make_due, rows, short_shop, waiting
from tests.tenants.storefront.gateway import Gateway, open_channel, running_gateway
from tests.tenants.storefront.steps import bought, member, newest_buyer
from tests.tenants.storefront.test_payments import notify, pay_link, payment_of_order

__all__ = ["browser"]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with open_postbox() as box:
        yield box


@pytest.fixture
async def hook() -> AsyncIterator[Hearer]:
    async with open_hearer() as hearer:
        yield hearer


@pytest.fixture
async def shop(runtime: Runtime, postbox: Postbox) -> Shop:
    """It has a mail server. Letters of other tests' shops are not sent by it."""
    async with runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM outbox"))
    with_mail = structs.replace(runtime.settings, smtp_url=f"smtp://127.0.0.1:{postbox.port}", public_port=8000)
    return await short_shop(structs.replace(runtime, settings=with_mail))


def an_address() -> str:
    return f"{ids.code(8).lower()}@example.test"


async def test_a_buyer_with_an_address_is_told_by_e_mail_what_the_page_says(shop: Shop, postbox: Postbox) -> None:
    address = an_address()
    placed = await waiting(shop, contact=address)
    await work_off(shop.runtime)

    (letter,) = postbox.letters
    (said,) = await rows(shop, "SELECT body, channel FROM order_messages")

    assert letter["To"] == address
    assert placed.no in letter["Subject"]
    written = letter.get_content()
    assert said.body in written.replace("\r\n", "\n")
    assert f"http://{shop.tenant.host}:8000/orders/{placed.no}" in written
    assert said.channel == "email"


async def test_a_phone_number_gets_no_letter(shop: Shop, postbox: Postbox) -> None:
    await waiting(shop, contact="13800000000")
    await work_off(shop.runtime)

    assert postbox.letters == []
    assert [row.channel for row in await rows(shop, "SELECT channel FROM order_messages")] == ["page"]


async def test_a_letter_that_is_put_off_comes_later_and_once(shop: Shop, postbox: Postbox) -> None:
    postbox.answer = "450 later"
    await waiting(shop, contact=an_address())
    await work_off(shop.runtime)
    assert postbox.letters == []
    postbox.answer = "250 OK"

    for _ in range(2):
        await make_due(shop)

    assert len(postbox.letters) == 1


async def test_a_letter_that_is_refused_is_said_to_be_and_not_sent_again(shop: Shop, postbox: Postbox) -> None:
    postbox.answer = "550 nobody here"
    await waiting(shop, contact=an_address())
    await work_off(shop.runtime)
    postbox.answer = "250 OK"

    await make_due(shop)

    assert postbox.letters == []
    (said,) = await rows(shop, "SELECT channel, failure FROM order_messages")
    assert said.channel == "page"
    assert "550" in said.failure


async def listen(shop: Shop, hook: Hearer) -> str:
    """The station's own address, and the key that what comes there is signed with."""
    async with shop.tenant.begin() as session:
        await settings.save(session, Settings(hook_url=f"{hook.url}/desk"))
    return settings.hook_secret(await shop.runtime.keyring.tenant(shop.tenant.id))


async def test_the_stations_own_address_hears_signed_what_buyer_and_suppliers_are_told(
    shop: Shop, hook: Hearer
) -> None:
    key = await listen(shop, hook)
    placed = await waiting(shop)

    await work_off(shop.runtime)

    heard = {one.json["kind"]: one for one in hook.heard}
    (said,) = await rows(shop, "SELECT body FROM order_messages")
    assert heard["message"].json["text"] == said.body
    assert heard["replenishment"].json["text"].endswith("× 1")
    assert {one.json["order"] for one in hook.heard} == {placed.no}
    for one in hook.heard:
        assert one.path == "/desk"
        assert one.headers["x-kameng-signature"] == hmac.new(key.encode(), one.body, "sha256").hexdigest()


async def test_an_address_that_fails_is_told_again(shop: Shop, hook: Hearer) -> None:
    await listen(shop, hook)
    hook.answers = [(500, "{}"), (0, "")]
    await waiting(shop)
    await work_off(shop.runtime)
    assert sorted(one.json["kind"] for one in hook.heard) == ["message", "replenishment"]

    await make_due(shop)

    assert sorted(one.json["kind"] for one in hook.heard) == ["message", "message", "replenishment", "replenishment"]


async def test_money_that_comes_too_late_is_in_the_wallet_and_the_buyer_is_told_so(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=["K-1"])
    channel = await open_channel(shop, gateway.url)
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=str(channel))
    link = await pay_link(buyer, f"/orders/{no}")
    await buyer.post(f"/orders/{no}/cancel", {}, page=f"/orders/{no}")
    assert not await rows(shop, "SELECT id FROM desk_cases")

    payment = await payment_of_order(shop)
    notice = await gateway.pay(link)
    for _ in range(2):
        await notify(buyer, channel, payment, notice)
        await work_off(runtime)

    case = await case_of(shop, no)
    assert (case.kind, case.cause, case.has_money, case.state) == ("payment_timeout", "paid_late", True, "solved")
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000
    page = await buyer.get(f"/orders/{no}")
    assert page.text.count("From the shop") == 1
    assert len(await rows(shop, "SELECT id FROM order_messages")) == 1
    assert await ledger_is_balanced(runtime)


async def test_an_order_that_ran_out_and_is_paid_then_is_told_of_once_more(
    runtime: Runtime, browser: OpenBrowser, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=["K-1"])
    channel = await open_channel(shop, gateway.url)
    buyer = await member(shop, browser)
    no = await bought(buyer, shop, pay_method=str(channel))
    link = await pay_link(buyer, f"/orders/{no}")
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET expires_at = now() - interval '1 minute'"))
    await make_due(shop)
    await work_off(runtime)
    assert await shop.state(no) == "expired"
    assert not (await case_of(shop, no)).has_money

    await notify(buyer, channel, await payment_of_order(shop), await gateway.pay(link))
    await work_off(runtime)

    case = await case_of(shop, no)
    assert (case.cause, case.has_money, case.state) == ("paid_late", True, "solved")
    told = [row.body for row in await rows(shop, "SELECT body FROM order_messages ORDER BY sent_at")]
    assert len(set(told)) == 2
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 1_000
