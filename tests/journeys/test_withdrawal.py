"""In a browser: what the master has collected for a station is sold for, becomes the owner's, is asked for on a phone,
paid by the operator, and stands on the statements of both sides with the same amounts."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from billing.payouts.tasks import release_ripe
from billing.statements import queries as statements
from kameng.infra.runtime import running
from kameng.infra.settings import Settings
from tests.billing.aging import age_station
from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "lvzhou"
CHANNEL = "主站代收 支付宝"
GOOD = "Steam 充值卡 100 元"  # 100.78 at this shop, of which the master keeps 96.40
PRICE, PROFIT, FEE, ARRIVES = "¥100.78", "¥4.38", "¥0.50", "¥3.88"
REFERENCE = "2026112200001"
DAYS = 2


def sign_in(page: Page, town: Town, slug: str, path: str) -> None:
    login = town.login(slug)
    page.goto(town.url(slug, path))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main form button[type=submit]")
    page.wait_for_url(lambda url: not url.endswith("/login"))


def confirm(page: Page, button: str) -> None:
    page.click(button)
    page.click("dialog[open] button[value=yes]")


def lend_a_channel(town: Town, operator: Page) -> None:
    """A merchant account of the master's, for stations that have none."""
    operator.goto(town.url("master", "/applications/settings/channels/new"))
    operator.fill("#name", CHANNEL)
    operator.fill("#base_url", town.stack.gateway_url)
    operator.fill("#merchant_id", town.stack.sandboxes.merchant_id)
    operator.fill("#key_password", town.stack.sandboxes.merchant_key)
    operator.click("form[data-guard] button[type=submit]")
    operator.goto(town.url("master", "/channels"))
    operator.click(f"#list a:has-text('{CHANNEL}')")
    confirm(operator, "form[action$='/lending'] button")
    expect(operator.locator("form[action$='/lending'] input[name=lent]")).to_have_count(0)


def set_terms(town: Town, operator: Page) -> str:
    """Nothing is held, little may be withdrawn, and each time costs half a yuan. Returns the station's settlement."""
    operator.goto(town.url("master", f"/tenants?q={SHOP}"))
    address = operator.locator("main tbody td.main-cell a").first.get_attribute("href")
    settlement = town.url("master", f"{address}/settlement")
    operator.goto(settlement)
    operator.click("details.form summary >> nth=0")
    operator.fill("#hold_days", "0")
    operator.fill("#least", "1")
    operator.fill("#fee", "0.50")
    operator.click("form[action$='/terms'] button[type=submit]")
    operator.wait_for_url(settlement)
    return settlement


def offer_it(town: Town, owner: Page) -> None:
    owner.goto(town.url(SHOP, "/console/channels"))
    owner.locator("form[action$='/channels/lent']", has_text=CHANNEL).locator("button").click()
    expect(owner.locator("#list")).to_contain_text(CHANNEL)
    shoot(owner, "phone-console-channels")


def buy(town: Town, page: Page) -> None:
    page.goto(town.url(SHOP))
    page.click(f"a:has-text('{GOOD}')")
    page.fill("input[name=contact]", "13600136000")
    page.locator("label.choice", has_text=CHANNEL).click()
    page.click(".buy-bar .btn-primary")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))
    page.click("a[href*='submit.php']")
    page.click("form button[type=submit]")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))
    expect(page.locator("#key-1")).to_have_text(re.compile(r"^SBX-"), timeout=120_000)


def days_pass(town: Town) -> None:
    """All that the station has done was some days ago, and the scheduler's hour comes."""

    async def release(settings: Settings) -> None:
        async with running(settings) as runtime:
            tenant = await runtime.directory.at_host(f"{SHOP}.localhost")
            assert tenant is not None
            await age_station(runtime, tenant.id, DAYS)
            await release_ripe(runtime)

    with ThreadPoolExecutor(1) as beside:  # the browser has the loop of this thread
        beside.submit(asyncio.run, release(town.stack.settings)).result()


def tile(page: Page, label: str) -> Locator:
    return page.locator(".tile", has_text=label)


def sums(page: Page) -> dict[str, list[str]]:
    """The statement's tables by account, each line as it reads."""
    panels = page.locator("#main section.panel.stack", has=page.locator("table")).all()
    return {
        panel.locator("h2").text_content() or "": [
            " ".join(line.split()) for line in panel.locator("tbody tr").all_text_contents()
        ]
        for panel in panels
    }


def test_an_owner_withdraws_and_the_operator_pays_it_out(town: Town, open_page: OpenPage) -> None:
    operator, owner, buyer = open_page(DESKTOP), open_page(PHONE), open_page(PHONE)
    sign_in(operator, town, "master", "/login")
    sign_in(owner, town, SHOP, "/console/login")
    lend_a_channel(town, operator)
    settlement = set_terms(town, operator)
    offer_it(town, owner)
    buy(town, buyer)
    owner.goto(town.url(SHOP, "/console/withdrawals"))
    expect(tile(owner, "代收未结算")).to_contain_text(PROFIT)
    days_pass(town)

    owner.reload()
    expect(tile(owner, "可提现")).to_contain_text(PROFIT)
    shoot(owner, "phone-console-withdrawals")
    owner.click("a[href$='/withdrawals/new']")
    expect(owner.locator("#amount")).to_have_value(PROFIT.removeprefix("¥"))
    owner.fill("#amount", "100")
    owner.fill("#account", "李雷 li@example.test")
    owner.click("form[data-guard] button[type=submit]")
    expect(owner.locator("#amount-error")).to_be_visible()
    expect(owner.locator("#account")).to_have_value("李雷 li@example.test")
    shoot(owner, "phone-console-withdrawal-too-much")
    owner.fill("#amount", PROFIT.removeprefix("¥"))
    owner.click("form[data-guard] button[type=submit]")
    first = owner.locator("#list a[href*='/withdrawals/']").first
    no = first.inner_text()
    first.press("Enter")
    expect(owner.locator("#drawer")).to_contain_text(ARRIVES)
    shoot(owner, "phone-console-withdrawal")

    operator.goto(town.url("master", "/payouts?state=requested"))
    shoot(operator, "desktop-master-payouts")
    operator.locator("#list a", has_text=no).press("Enter")
    operator.wait_for_url(re.compile(r"/payouts/[0-9a-f-]{36}"))
    operator.reload()  # out of the drawer
    expect(operator.locator("#main")).to_contain_text("李雷 li@example.test")
    shoot(operator, "desktop-master-payout")
    operator.fill("#reference", REFERENCE)
    confirm(operator, "form[action$='/pay'] button")
    expect(operator.locator("#main")).to_contain_text(REFERENCE)

    owner.goto(town.url(SHOP, f"/console/withdrawals?q={no}"))
    expect(tile(owner, "累计已打款")).to_contain_text(PROFIT)
    owner.goto(town.url(SHOP, "/console/notices"))
    expect(owner.locator("#main")).to_contain_text(no)
    span = f"from={statements.today() - timedelta(days=DAYS + 1)}&to={statements.today()}"
    owner.goto(town.url(SHOP, f"/console/statements?{span}"))
    shoot(owner, "phone-console-statement")
    operator.goto(f"{settlement}?{span}")
    shoot(operator, "desktop-master-settlement")
    assert sums(owner) == sums(operator)
    told = " ".join(line for lines in sums(owner).values() for line in lines)
    assert all(one.removeprefix("¥") in told for one in (PRICE, PROFIT))
