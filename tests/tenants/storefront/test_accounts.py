"""Registering, signing in and out, and the guest who becomes a member."""

import httpx
import pytest

from kameng.infra.runtime import Runtime
from tests.support.browser_client import PASSWORD, Browser, OpenBrowser, same_page
from tests.support.house import open_shop
from tests.tenants.storefront.gateway import open_channel
from tests.tenants.storefront.steps import bought, buy, member, newest_buyer


async def log_in(browser: Browser, login: str, password: str = PASSWORD, path: str = "/login") -> httpx.Response:
    return await browser.post(path, {"login": login, "password": password}, page="/login")


async def test_a_member_signs_in_from_anywhere_and_finds_his_orders(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    await browser(shop.tenant).register("Li.Na")
    elsewhere = browser(shop.tenant)
    before = (await elsewhere.form("/login"))["csrf_token"]

    answer = await log_in(elsewhere, "li.na", path="/login?next=/wallet")

    assert answer.headers["location"] == "/wallet"
    assert "Li.Na" in (await elsewhere.get("/account")).text
    assert (await elsewhere.form("/"))["csrf_token"] != before


async def test_signing_in_leads_nowhere_else(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime)
    await browser(shop.tenant).register("li.na")

    for bad in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = await log_in(browser(shop.tenant), "li.na", path=f"/login?next={bad}")
        assert answer.headers["location"] == "/"


async def test_a_wrong_password_and_a_wrong_login_say_the_same(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime)
    await browser(shop.tenant).register("li.na")
    visitor = browser(shop.tenant)

    wrong, nobody = (
        await log_in(visitor, "li.na", "not this one"),
        await log_in(visitor, "li.no", "what ever"),
    )

    assert wrong.status_code == nobody.status_code == 422
    assert "Account or password is wrong." in wrong.text
    assert same_page(wrong, nobody, "li.na", "li.no")
    assert "not this one" not in wrong.text


async def test_passwords_cannot_be_tried_out(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime)
    visitor = browser(shop.tenant)

    answers = [await log_in(visitor, "li.na", f"guess {n}") for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("login", "password", "field"),
    [("ab", PASSWORD, "login"), ("with space", PASSWORD, "login"), ("li.na", "short", "password")],
)
async def test_registering_names_the_field_that_is_wrong(
    runtime: Runtime, browser: OpenBrowser, login: str, password: str, field: str
) -> None:
    visitor = browser((await open_shop(runtime)).tenant)

    answer = await visitor.post("/register", {"login": login, "password": password}, page="/register")

    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


async def test_a_login_is_taken_once_whatever_its_case(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime)
    await browser(shop.tenant).register("Li.Na")

    answer = await browser(shop.tenant).post("/register", {"login": "li.na", "password": PASSWORD}, page="/register")

    assert answer.status_code == 422
    assert "This account name is taken." in answer.text


async def test_logging_out_ends_the_session_itself(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime)
    buyer = await member(shop, browser)
    cookie = buyer.client.cookies["kameng"]

    await buyer.post("/logout", {})

    stolen = browser(shop.tenant)
    stolen.client.cookies.set("kameng", cookie)
    assert (await stolen.get("/account")).status_code == 303


async def test_a_guest_who_registers_keeps_his_orders(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"])
    channel = await open_channel(shop, "http://127.0.0.1:9")
    guest = browser(shop.tenant)
    no = await bought(guest, shop, pay_method=str(channel), contact="139 0000 0000")
    buyer = await newest_buyer(shop.tenant)
    as_guest = guest.client.cookies["kameng"]

    await guest.register("li.na")

    assert await newest_buyer(shop.tenant) == buyer
    assert (await guest.get(f"/orders/{no}")).status_code == 200
    assert "139 0000 0000" in (await guest.get("/account")).text
    elsewhere = browser(shop.tenant)
    await log_in(elsewhere, "li.na")
    assert (await elsewhere.get(f"/orders/{no}")).status_code == 200
    stale = browser(shop.tenant)
    stale.client.cookies.set("kameng", as_guest)
    assert (await stale.get(f"/orders/{no}")).status_code == 404


async def test_a_member_who_registers_again_opens_another_account(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"], price="10.00")
    buyer = await member(shop, browser, wallet_cents=2_500)

    await buyer.register("somebody.else")

    assert (await buy(buyer, shop)).status_code == 422


async def test_the_language_is_switched_and_kept(runtime: Runtime, browser: OpenBrowser) -> None:
    visitor = browser((await open_shop(runtime)).tenant)
    visitor.client.cookies.clear()
    first = await visitor.get("/login")

    await visitor.get("/login?lang=en")

    assert '<html lang="zh-CN"' in first.text
    assert 'href="/login?lang=en"' in first.text
    assert '<html lang="en"' in (await visitor.get("/")).text
