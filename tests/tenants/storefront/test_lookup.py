"""An order opened with its number, its contact and its query password."""

import re

import httpx
import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.orders import passwords
from tenants.toggles import flags
from tenants.toggles import service as toggles
from tests.support.browser_client import Browser, OpenBrowser, same_page
from tests.support.house import Shop, open_shop
from tests.support.pictures import picture

CONTACT, PASSWORD = "138-0000-0000", "open sesame"
GIVE_PASSWORD = text("UPDATE orders SET contact = :contact, lookup_hash = :hash WHERE no = :no")


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=[f"KEY-{ids.code(8)}" for _ in range(5)])


async def order_with_password(shop: Shop) -> tuple[str, str]:
    """Number and key of a delivered order that was bought with a query password."""
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000))
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    kept = passwords.hash_of(sealer, placed.no, PASSWORD)
    async with shop.tenant.begin() as session:
        await session.execute(GIVE_PASSWORD, {"no": placed.no, "contact": CONTACT, "hash": kept})
    (key,) = await shop.keys(placed.id)
    return placed.no, key


async def look_up(browser: Browser, no: str, contact: str = CONTACT, password: str = PASSWORD) -> httpx.Response:
    asked = {"order_no": no, "contact": contact, "query_password": password}
    return await browser.post("/lookup", asked, page="/lookup")


async def test_the_keys_are_shown_once_asked_for_and_each_time_is_written_down(
    shop: Shop, browser: OpenBrowser
) -> None:
    no, key = await order_with_password(shop)
    anybody = browser(shop.tenant)

    opened = await look_up(anybody, f" {no.lower()} ", "+86 13800000000")
    page = await anybody.get("/lookup/order")
    shown = await anybody.post("/lookup/order/keys", {}, page="/lookup/order")

    assert opened.headers["location"] == "/lookup/order"
    assert no in page.text
    assert key not in page.text
    assert key in shown.text
    async with shop.tenant.begin() as session:
        acts = (await session.execute(text("SELECT act FROM order_lookups ORDER BY id"))).scalars().all()
    assert acts == ["opened", "revealed"]


async def test_whatever_is_wrong_the_answer_is_the_same(shop: Shop, browser: OpenBrowser) -> None:
    no, _ = await order_with_password(shop)
    without = (await shop.buy(await shop.buyer(wallet_cents=2_000))).no
    anybody = browser(shop.tenant)

    nowhere = await look_up(anybody, "261122-AAAAAAAAAA")
    others = {
        no: await look_up(anybody, no, password="open barley"),
        f"{no} ": await look_up(anybody, no, contact="13900000000"),
        without: await look_up(anybody, without, contact="13800000000"),
        "nonsense": await look_up(anybody, "nonsense"),
    }

    assert nowhere.status_code == 422
    assert "do not belong together" in nowhere.text
    for asked, answer in others.items():
        assert answer.status_code == 422
        words = ("261122-AAAAAAAAAA", asked.strip(), CONTACT, "13900000000", "13800000000")
        assert same_page(nowhere, answer, *words), asked
        assert PASSWORD not in answer.text
    assert (await anybody.get("/lookup/order")).headers["location"] == "/lookup"


async def test_a_number_can_be_tried_a_few_times_only_whether_it_is_there_or_not(
    shop: Shop, browser: OpenBrowser
) -> None:
    no, _ = await order_with_password(shop)
    for tried in (no, "261122-AAAAAAAAAA"):
        guesser, owner = browser(shop.tenant), browser(shop.tenant)

        answers = [(await look_up(guesser, tried, password=f"guess {n}")).status_code for n in range(7)]

        assert answers == [422] * 6 + [429]
        assert (await look_up(owner, tried)).status_code == 429


async def test_a_grant_is_for_one_order_of_one_station_and_cannot_be_made(shop: Shop, browser: OpenBrowser) -> None:
    no, _ = await order_with_password(shop)
    other, _ = await order_with_password(shop)
    anybody = browser(shop.tenant)
    await look_up(anybody, no)
    (grant,) = [cookie.value for cookie in anybody.client.cookies.jar if cookie.name == "kameng_grant"]
    assert grant is not None

    elsewhere = browser((await open_shop(shop.runtime)).tenant)
    forger = browser(shop.tenant)
    elsewhere.client.cookies.set("kameng_grant", grant)
    forger.client.cookies.set("kameng_grant", grant.replace(no, other))

    assert (await anybody.get(f"/tickets/new?order={other}")).status_code == 404
    for somebody in (elsewhere, forger):
        assert (await somebody.get("/lookup/order")).headers["location"] == "/lookup"


async def test_a_grant_that_was_given_up_is_over(shop: Shop, browser: OpenBrowser) -> None:
    no, _ = await order_with_password(shop)
    anybody = browser(shop.tenant)
    await look_up(anybody, no)

    await anybody.post("/lookup/leave", {}, page="/lookup/order")

    assert (await anybody.get("/lookup/order")).headers["location"] == "/lookup"


async def test_whoever_looked_an_order_up_asks_for_help_with_it(shop: Shop, browser: OpenBrowser) -> None:
    no, _ = await order_with_password(shop)
    anybody, stranger = browser(shop.tenant), browser(shop.tenant)
    await look_up(anybody, no)

    token = (await anybody.form(f"/tickets/new?order={no}"))["csrf_token"]
    sent = await anybody.client.post(
        "/tickets",
        data={"csrf_token": token, "order": no, "kind": "key_invalid", "body": "It was used already."},
        files={"picture1": ("proof.png", picture())},
        headers={"Origin": anybody.origin},
    )
    ticket = sent.headers["location"]

    assert re.fullmatch(r"/tickets/T\d{6}-[0-9A-Z]{8}", ticket)
    page = await anybody.get(ticket)
    assert "It was used already." in page.text
    assert f"{ticket}/pictures/" in page.text
    assert ticket in (await anybody.get("/lookup/order")).text
    assert (await stranger.get(ticket)).status_code == 404


async def test_a_grant_lets_nobody_send_files_to_the_console(shop: Shop, browser: OpenBrowser) -> None:
    no, _ = await order_with_password(shop)
    anybody = browser(shop.tenant)
    await look_up(anybody, no)

    token = (await anybody.form("/lookup/order"))["csrf_token"]
    answer = await anybody.client.post(
        "/console/pages/pictures",
        data={"csrf_token": token},
        files={"picture_file": ("a.png", picture())},
        headers={"Origin": anybody.origin},
    )

    assert answer.headers["location"].startswith("/console/login")


async def test_without_the_feature_nothing_is_looked_up(shop: Shop, browser: OpenBrowser) -> None:
    no, _ = await order_with_password(shop)
    other = await open_shop(shop.runtime)
    async with other.tenant.begin() as session:
        await toggles.choose(session, flags.GUEST_LOOKUP, False)
    anybody = browser(other.tenant)

    assert (await anybody.get("/lookup")).status_code == 404
    assert "/lookup" not in (await anybody.get("/orders/find")).text
    assert "/lookup" in (await browser(shop.tenant).get(f"/orders/find?no={no}")).text


async def test_equal_passwords_of_two_orders_do_not_look_equal(shop: Shop) -> None:
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)

    assert passwords.hash_of(sealer, "A", PASSWORD) != passwords.hash_of(sealer, "B", PASSWORD)
    assert passwords.hash_of(sealer, "A", PASSWORD) == passwords.hash_of(sealer, "A", f"{PASSWORD} ")
