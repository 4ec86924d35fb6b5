"""In a browser: somebody whom the owner has lent the desk, and nothing else, ends orders with a wrong account: one is
corrected and delivered, one is paid back within the limit. The buyer's page on a phone stays open meanwhile."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.core import clock
from kameng.infra.runtime import running
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from tenants.shop import service as shop
from tenants.shop.fields import InputField
from tenants.shop.service import ProductDraft
from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "xingchen"
TOPUP, SKU, ACCOUNT = "Q 币直充 25 元", "qb-25", "QQ 号"
WORKER_MS = 120_000  # until a worker that has just started has come to an order
ELSEWHERE = ("", "/orders", "/tickets", "/products", "/money", "/withdrawals", "/team", "/desk/rules", "/desk/limits")


@pytest.fixture(scope="module")
async def topup(town: Town) -> str:
    """The name of a product whose supplier looks at the account more closely than the shop does."""
    fields = [{"label": ACCOUNT, "pattern": "[1-9][0-9]{4,10}"}]
    town.stack.supplier.goods(
        {"sku": SKU, "name": TOPUP, "cost": "24.00", "stock": 1_000, "kind": "topup", "fields": fields}
    )
    async with running(town.stack.settings) as runtime:
        async with runtime.database.master_session() as session:
            supplier = await session.execute(text("SELECT id FROM suppliers WHERE name = '沙盒供应商'"))
            tiers = (await session.execute(text("SELECT id FROM tiers"))).scalars().all()
            good = await goods.add(session, TOPUP)
            for tier in tiers:
                await wholesale.set_price(session, tier, good.id, Decimal("24.50"))
            await offers.add(session, good.id, supplier.scalar_one(), Decimal("24.00"), sku=SKU, stock=1_000)
        tenant = await runtime.directory.at_host(f"{SHOP}.localhost")
        assert tenant is not None
        draft = ProductDraft(
            good_id=good.id,
            name=TOPUP,
            price=Decimal("25.00"),
            kind="topup",
            fields=[InputField(label=ACCOUNT, kind="account")],
        )
        async with tenant.begin() as session:
            await shop.list_product(session, draft)
    return TOPUP


def sign_in(page: Page, town: Town) -> None:
    login = town.login(SHOP)
    page.goto(town.url(SHOP, "/console/login"))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main form button[type=submit]")
    page.wait_for_url(re.compile(r"/console/?$"))


def invite(town: Town, owner: Page, name: str) -> str:
    """A role that only sees the desk, and an invitation to it. Returns the link."""
    owner.goto(town.url(SHOP, "/console/roles/new"))
    owner.fill("input[name=name]", f"值班 {name}")
    owner.check("input[name=permissions][value='desk.read']")
    owner.click("form[data-guard] button[type=submit]")
    owner.wait_for_url(re.compile(r"/console/roles$"))
    owner.goto(town.url(SHOP, "/console/team/invite"))
    owner.fill("input[name=name]", name)
    owner.select_option("select[name=role]", label=f"值班 {name}")
    owner.click("main form button[type=submit]")
    return owner.locator("p.link").inner_text()


def join(page: Page, link: str, login: str) -> None:
    page.goto(link)
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "a good password")
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/console/desk"))


def lend(town: Town, owner: Page, name: str, limit: str) -> None:
    """The desk until tomorrow, with so much for each refund."""
    owner.goto(town.url(SHOP, "/console/desk/limits"))
    owner.select_option("select[name=staff_id]", label=name)
    owner.fill("input[name=limit]", limit)
    owner.fill("input[name=ends_at]", f"{clock.now() + timedelta(days=2):%Y-%m-%dT%H:%M}")
    owner.click("form.panel button[type=submit]")
    expect(owner.locator("#main table")).to_contain_text(f"¥{limit}")


def takes_back(owner: Page, name: str) -> None:
    owner.locator("tr", has_text=name).locator("button").click()
    owner.click("dialog[open] button[value=yes]")
    expect(owner.locator("tr", has_text=name)).to_have_count(0)


def buy(town: Town, page: Page, product: str, account: str, quantity: int = 1) -> str:
    """A guest orders for an account, and pays at the gateway. Leaves the page on the order; returns its number."""
    page.goto(town.url(SHOP))
    page.click(f"a:has-text('{product}')")
    page.fill("input[name='inputs.0']", account)
    page.fill("input[name=contact]", "13700137000")
    page.fill("input[name=quantity]", str(quantity))
    page.click(".buy-bar .btn-primary")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))
    address = page.url
    page.click("a[href*='submit.php']")
    page.click("form button[type=submit]")
    page.wait_for_url(re.compile(r"/(pay|orders)/"))
    page.goto(address)
    expect(page.locator("#order")).to_contain_text("填写内容似乎有误", timeout=WORKER_MS)
    page.evaluate("window.sameDocument = true")
    return address.rsplit("/", 1)[-1]


def open_case(town: Town, page: Page, no: str) -> None:
    """From the queue, by the keyboard."""
    page.goto(town.url(SHOP, "/console/desk?show=nobodys"))
    page.locator("#list a[data-row]", has_text=no).click()
    page.wait_for_url(re.compile(r"/console/desk/cases/"))
    page.evaluate("window.sameDocument = true")


def give_back(page: Page) -> None:
    page.click("form[action$='/refund'] button")
    page.click("dialog[open] button[value=yes]")


def is_same_document(page: Page) -> bool:
    return page.evaluate("window.sameDocument") is True


def test_a_deputy_with_the_desk_only_has_a_wrong_account_corrected_and_delivered(
    topup: str, town: Town, open_page: OpenPage
) -> None:
    owner, deputy, buyer = open_page(DESKTOP), open_page(DESKTOP), open_page(PHONE)
    sign_in(owner, town)
    join(deputy, invite(town, owner, "小周"), "xiaozhou")
    lend(town, owner, "小周", "30.00")
    shoot(owner, "desktop-console-desk-lent")
    no = buy(town, buyer, topup, "wang_xiaoming")
    shoot(buyer, "phone-wrong-account")

    open_case(town, deputy, no)
    expect(deputy.locator("[data-countdown-to]").first).to_be_visible()
    expect(deputy.locator("#main")).to_contain_text("wang_xiaoming")
    shoot(deputy, "desktop-console-desk-case")
    deputy.click("button[data-take]")
    expect(deputy.locator("#case")).to_contain_text("小周")
    deputy.evaluate("window.sameDocument = true")
    deputy.fill("#body", "您好，请告诉我们正确的 QQ 号。")
    deputy.click("form[action$='/message'] button[type=submit]")
    expect(buyer.locator("#order")).to_contain_text("请告诉我们正确的 QQ 号")

    deputy.fill("input[name='inputs.QQ 号']", "10001")
    deputy.click("form[action$='/correct'] button[type=submit]")
    expect(buyer.locator("#order .state-ok")).to_be_visible(timeout=WORKER_MS)
    assert is_same_document(buyer), "the buyer's page was loaded again"
    shoot(buyer, "phone-wrong-account-delivered")
    expect(deputy.locator("#case .state-ok")).to_be_visible()
    expect(deputy.locator("form[action$='/correct']")).to_have_count(0)
    shoot(deputy, "desktop-console-desk-case-solved")

    for room in ELSEWHERE:
        answer = deputy.goto(town.url(SHOP, f"/console{room}"))
        assert answer is not None
        assert answer.status == 403 or deputy.url.endswith("/console/desk"), room


def test_a_deputy_gives_back_up_to_the_limit_and_not_above(topup: str, town: Town, open_page: OpenPage) -> None:
    owner, deputy, buyer = open_page(DESKTOP), open_page(PHONE), open_page(PHONE)
    sign_in(owner, town)
    join(deputy, invite(town, owner, "小吴"), "xiaowu")
    lend(town, owner, "小吴", "50.00")
    no = buy(town, buyer, topup, "li_lei", quantity=2)
    shoot(deputy, "phone-console-desk")
    open_case(town, deputy, no)
    shoot(deputy, "phone-console-desk-case")

    lend(town, owner, "小吴", "49.99")  # the page of before still has the button
    give_back(deputy)
    expect(deputy.locator(".toasts")).to_contain_text("¥49.99")
    expect(deputy.locator(".danger-zone")).to_contain_text("¥49.99")
    expect(deputy.locator("form[action$='/refund']")).to_have_count(0)
    expect(buyer.locator("#order .state-wait")).to_be_visible()

    lend(town, owner, "小吴", "50.00")
    deputy.reload()
    give_back(deputy)
    expect(buyer.locator("#order")).to_contain_text("已退回")
    assert is_same_document(buyer), "the buyer's page was loaded again"
    shoot(buyer, "phone-wrong-account-refunded")
    expect(deputy.locator("#case .state-ok")).to_be_visible()
    shoot(deputy, "phone-console-desk-case-refunded")

    takes_back(owner, "小吴")
    for _ in range(20):  # what somebody may do is remembered for two seconds
        deputy.reload()
        if not deputy.locator("#body").count():
            break
    expect(deputy.locator("#body")).to_have_count(0)
