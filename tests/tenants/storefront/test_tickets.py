"""A buyer asks the shop for help."""

import re
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import cookies, i18n
from tenants.aftersale import queries, service, settings
from tenants.aftersale.settings import Answering
from tenants.toggles import flags
from tenants.toggles import service as toggles
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, open_shop, work_off
from tests.support.pictures import REFUSED, picture, with_place
from tests.tenants.storefront.steps import bought, member

ALL_DAY = ["0-24"] * 7
SOMEBODY = UUID("01900000-0000-7000-8000-000000000001")


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=[f"KEY-{ids.code(8)}" for _ in range(5)])


async def send(
    browser: Browser, path: str, page: str, files: dict[str, tuple[str, bytes]] | None = None, **fields: str
) -> httpx.Response:
    """A form with files, as a browser sends it."""
    token = (await browser.form(page))["csrf_token"]
    return await browser.client.post(
        path,
        data={"csrf_token": token, **fields},
        files=files or {"picture1": ("", b"")},
        headers={"Origin": browser.origin},
    )


async def ask(browser: Browser, order_no: str = "", files: dict[str, tuple[str, bytes]] | None = None) -> str:
    """Opens a ticket; its number."""
    answer = await send(
        browser,
        "/tickets",
        f"/tickets/new?order={order_no}" if order_no else "/tickets/new",
        files,
        order=order_no,
        kind="key_invalid" if order_no else "other",
        body="The key is said to be used already.",
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/tickets/")


async def answer_it(
    tenant: Tenant, no: str, body: str = "Here is another one.", then: service.Then = "answered"
) -> None:
    async with tenant.begin() as session:
        await service.answer(session, no, SOMEBODY, "Wang", body, then)


async def test_an_order_page_leads_to_a_ticket_that_holds_what_was_written(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser, wallet_cents=2_000)
    no = await bought(buyer, shop)

    assert f"/tickets/new?order={no}" in (await buyer.get(f"/orders/{no}")).text
    ticket = await ask(buyer, no)
    page = await buyer.get(f"/tickets/{ticket}")

    assert "The key is said to be used already." in page.text
    assert "The shop is to answer" in page.text
    async with shop.tenant.begin() as session:
        told = (await session.execute(text("SELECT subject, detail FROM notices WHERE kind = 'ticket_opened'"))).one()
    assert told.subject == ticket
    assert told.detail == {"about": "key_invalid", "order": no}


async def test_nobody_else_sees_a_ticket_or_its_pictures_or_writes_in_it(shop: Shop, browser: OpenBrowser) -> None:
    buyer, stranger = await member(shop, browser, wallet_cents=2_000), browser(shop.tenant)
    no = await bought(buyer, shop)
    ticket = await ask(buyer, no, {"picture1": ("proof.png", picture())})
    shown = await buyer.get(f"/tickets/{ticket}")
    (address,) = set(re.findall(rf"/tickets/{ticket}/pictures/[0-9a-f]+\.png", shown.text))

    assert (await buyer.get(address)).headers["content-type"] == "image/png"
    other = await member(shop, browser)
    for somebody in (stranger, other):
        for path in (f"/tickets/{ticket}", f"/tickets/{ticket}/thread", address, f"/tickets/new?order={no}"):
            assert (await somebody.get(path)).status_code == 404, path
    assert (await send(other, f"/tickets/{ticket}/messages", "/", body="me too")).status_code == 404
    assert (await other.post(f"/tickets/{ticket}/close", {})).status_code == 404


async def test_pictures_are_drawn_anew_without_the_place_they_were_taken_at(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser)
    ticket = await ask(buyer, files={"picture1": ("a.jpg", with_place()), "picture3": ("b.png", picture())})

    shown = await buyer.get(f"/tickets/{ticket}")
    addresses = set(re.findall(rf"/tickets/{ticket}/pictures/[0-9a-f]+\.(?:png|jpg)", shown.text))

    assert len(addresses) == 2
    for address in addresses:
        got = await buyer.get(address)
        assert b"SecretCamera" not in got.content
        assert "private" in got.headers["cache-control"]


@pytest.mark.parametrize("what", ["an SVG with a script", "a bomb", "words"])
async def test_what_is_no_picture_is_named_at_its_field_and_nothing_is_opened(
    shop: Shop, browser: OpenBrowser, what: str
) -> None:
    buyer = await member(shop, browser)
    name, body, said = REFUSED[what]

    answer = await send(
        buyer, "/tickets", "/tickets/new", {"picture2": (name, body)}, kind="other", body="Look at this."
    )

    assert answer.status_code == 422
    assert said in re.search(r'id="picture2-error">(.*?)</div>', answer.text, re.DOTALL)[1]  # type: ignore[index]  # it is there
    assert "Look at this." in answer.text
    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM tickets"))).scalar_one() == 0


async def test_whoever_is_nobody_is_told_how_to_become_known(shop: Shop, browser: OpenBrowser) -> None:
    nobody = browser(shop.tenant)

    page = await nobody.get("/tickets/new")
    answer = await send(nobody, "/tickets", "/", kind="other", body="Hello there")

    assert "Who is asking?" in page.text
    assert answer.headers["location"].startswith("/login")


async def test_an_answer_is_marked_as_new_until_it_is_read(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser)
    ticket = await ask(buyer)
    await answer_it(shop.tenant, ticket)

    assert "New answer" in (await buyer.get("/tickets")).text
    assert "1 new answer" in (await buyer.get("/account")).text
    assert "Here is another one." in (await buyer.get(f"/tickets/{ticket}")).text
    assert "New answer" not in (await buyer.get("/tickets")).text
    assert "new answer" not in (await buyer.get("/account")).text


async def test_a_note_of_the_shop_is_not_for_the_buyer(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser)
    ticket = await ask(buyer)
    async with shop.tenant.begin() as session:
        await service.note(session, ticket, "Wang", "He has done this before.")

    for path in (f"/tickets/{ticket}", f"/tickets/{ticket}/thread"):
        assert "He has done this before." not in (await buyer.get(path)).text


async def test_a_closed_ticket_is_rated_once_and_a_message_opens_it_again(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser)
    ticket = await ask(buyer)
    await answer_it(shop.tenant, ticket)
    await buyer.post(f"/tickets/{ticket}/close", {})

    assert (await buyer.post(f"/tickets/{ticket}/rating", {"stars": "6"})).status_code == 422
    await buyer.post(f"/tickets/{ticket}/rating", {"stars": "4", "words": "quick"})
    await buyer.post(f"/tickets/{ticket}/rating", {"stars": "1"})
    assert "You gave 4 stars." in (await buyer.get(f"/tickets/{ticket}")).text
    await send(buyer, f"/tickets/{ticket}/messages", f"/tickets/{ticket}", body="It stopped working again.")
    async with shop.tenant.begin() as session:
        again = await queries.ticket(session, ticket)
        assert (again.state, again.closed_at, again.due_at is not None) == ("open", None, True)


async def test_an_answer_that_nobody_replies_to_closes_and_one_that_somebody_does_stays(
    shop: Shop, browser: OpenBrowser
) -> None:
    buyer = await member(shop, browser)
    silent, lively = await ask(buyer), await ask(buyer)
    for ticket in (silent, lively):
        await answer_it(shop.tenant, ticket)
    await send(buyer, f"/tickets/{lively}/messages", f"/tickets/{lively}", body="Not yet solved.")

    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE outbox SET due_at = now() WHERE follower LIKE '%close_silent' AND tenant_id = :id"),
            {"id": shop.tenant.id},
        )
    await work_off(shop.runtime)

    async with shop.tenant.begin() as session:
        assert (await queries.ticket(session, silent)).state == "closed"
        assert (await queries.ticket(session, lively)).state == "open"


async def test_only_so_many_tickets_are_open_at_a_time(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser)
    for _ in range(service.MOST_OPEN):
        await ask(buyer)

    answer = await send(buyer, "/tickets", "/tickets/new", kind="other", body="One more.")

    assert answer.status_code == 422
    assert "10 open tickets already" in answer.text


async def test_a_ticket_in_peak_hours_is_answered_at_once_with_what_is_known_of_the_order(
    shop: Shop, browser: OpenBrowser
) -> None:
    async with shop.tenant.begin() as session:
        plan = Answering(peaks="by_hand", peak_days=ALL_DAY, peak_text="{{ order }} of {{ product }} is {{ state }}.")
        await settings.save(session, plan)
    buyer = await member(shop, browser, wallet_cents=2_000)
    no = await bought(buyer, shop)

    ticket = await ask(buyer, no)
    page = await buyer.get(f"/tickets/{ticket}")
    await send(buyer, f"/tickets/{ticket}/messages", f"/tickets/{ticket}", body="Hello?")
    again = await buyer.get(f"/tickets/{ticket}")

    assert re.search(rf"{no} of 月卡 .* is Delivered\.", page.text)
    assert again.text.count("is Delivered.") == page.text.count("is Delivered.") == 1
    assert "automatic" in page.text
    async with shop.tenant.begin() as session:
        kept = await queries.ticket(session, ticket)
        assert (kept.state, kept.answered_at, kept.auto_at is not None) == ("open", None, True)


async def test_the_template_speaks_the_buyers_language(shop: Shop, browser: OpenBrowser) -> None:
    async with shop.tenant.begin() as session:
        plan = Answering(peaks="by_hand", peak_days=ALL_DAY, peak_text="{{ state }}")
        await settings.save(session, plan)
    buyer = await member(shop, browser, wallet_cents=2_000)
    no = await bought(buyer, shop)

    buyer.client.cookies.delete(cookies.LANGUAGE)
    await buyer.get("/?lang=zh_CN")
    ticket = await ask(buyer, no)

    i18n.use("zh_CN", shop.tenant.time_zone)
    assert i18n.gettext("Delivered") in (await buyer.get(f"/tickets/{ticket}")).text
    assert i18n.gettext("Delivered") == "已发货"


async def test_without_the_feature_there_is_no_help(shop: Shop, browser: OpenBrowser) -> None:
    async with shop.tenant.begin() as session:
        await toggles.choose(session, flags.HELP, False)
    buyer = browser(shop.tenant)

    assert (await buyer.get("/tickets/new")).status_code == 404
