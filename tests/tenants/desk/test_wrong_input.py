"""A supplier does not accept what the buyer filled in: the page says so, and nobody is asked again in vain."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.desk.correcting import MOST
from tests.support.browser_client import Browser, OpenBrowser, browser
from tests.support.house import Shop, open_shop, work_off
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.tenants.desk.steps import case_of, make_due, rows
from tests.tenants.storefront.steps import bought, member

__all__ = ["browser"]

ACCOUNT = '[{"label": "QQ", "kind": "account", "required": true}]'


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def shop(runtime: Runtime, supplier: Supplier) -> Shop:
    sku = ids.code(8)
    fields = [{"label": "QQ", "pattern": "[0-9]{5,11}"}]
    supplier.goods({"sku": sku, "name": sku, "cost": "6.00", "stock": 100, "kind": "topup", "fields": fields})
    shop = await open_shop(runtime, supplier_url=supplier.url, supplier_sku=sku, supplier_secret=SUPPLIER_SECRET)
    async with shop.tenant.begin() as session:
        change = text("UPDATE products SET kind = 'topup', fields = CAST(:fields AS jsonb)")
        await session.execute(change, {"fields": ACCOUNT})
    return shop


async def test_a_wrong_account_is_said_to_be_one_and_the_buyer_can_say_what_it_should_be(
    shop: Shop, browser: OpenBrowser, runtime: Runtime
) -> None:
    buyer = await member(shop, browser, wallet_cents=1_000)
    no = await bought(buyer, shop, **{"inputs.0": "wang_xiaoming"})
    await work_off(runtime)
    await work_off(runtime)

    page = await buyer.get(f"/orders/{no}")

    case = await case_of(shop, no)
    assert (case.kind, case.cause) == ("wrong_input", "supplier")
    assert "Our supplier does not accept what was filled in." in page.text
    assert "Our supplier does not answer at the moment." not in page.text
    assert f'href="/orders/{no}/inputs"' in page.text
    assert f"/tickets/new?order={no}&amp;kind=wrong_account" in (await buyer.get(f"/orders/{no}/inputs")).text
    form = await buyer.get(f"/tickets/new?order={no}&kind=wrong_account")
    assert 'value="wrong_account" required checked' in form.text


async def refused(shop: Shop, buyer: Browser) -> str:
    """An order whose account the supplier does not accept; its first call is long over."""
    no = await bought(buyer, shop, **{"inputs.0": "wang_xiaoming"})
    await work_off(shop.runtime)
    await long_asked(shop.runtime)
    return no


async def long_asked(runtime: Runtime) -> None:
    """Has what waits be done, and a minute pass since the supplier was asked."""
    await work_off(runtime)
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE purchases SET created_at = created_at - interval '1 minute'"))


async def test_a_buyer_puts_it_right_himself_and_nobody_of_the_shop_is_needed(
    shop: Shop, browser: OpenBrowser, runtime: Runtime
) -> None:
    buyer = await member(shop, browser, wallet_cents=1_000)
    no = await refused(shop, buyer)
    path = f"/orders/{no}/inputs"

    form = await buyer.get(path)
    wrong = await buyer.post(path, {"inputs.0": "a b"}, page=path)
    await buyer.post(path, {"inputs.0": "10001"}, page=path)
    await work_off(runtime)
    await work_off(runtime)

    assert 'value="wang_xiaoming"' in form.text
    assert (wrong.status_code, "Write the account without spaces" in wrong.text) == (422, True)
    (order,) = await rows(shop, "SELECT state, inputs FROM orders")
    assert (order.state, order.inputs) == ("delivered", {"QQ": "10001"})
    case = await case_of(shop, no)
    assert (case.solution, case.assigned_to) == ("delivered", None)
    assert (await buyer.get(path)).headers["location"] == f"/orders/{no}"


async def test_nobody_tries_out_accounts_at_the_supplier(shop: Shop, browser: OpenBrowser, runtime: Runtime) -> None:
    buyer = await member(shop, browser, wallet_cents=1_000)
    no = await refused(shop, buyer)
    path = f"/orders/{no}/inputs"
    answers = []

    for turn in range(MOST + 1):
        answers.append(await buyer.post(path, {"inputs.0": f"nobody_{turn}"}, page=path))
        await long_asked(runtime)

    assert [one.status_code for one in answers] == [303] * MOST + [422]
    assert "Ask the shop for help with it." in answers[-1].text
    (order,) = await rows(shop, "SELECT inputs FROM orders")
    assert order.inputs == {"QQ": f"nobody_{MOST - 1}"}


async def test_an_order_is_corrected_by_its_own_buyer_only(shop: Shop, browser: OpenBrowser) -> None:
    no = await refused(shop, await member(shop, browser, wallet_cents=1_000))
    other = await member(shop, browser)

    answer = await other.post(f"/orders/{no}/inputs", {"inputs.0": "10001"}, page="/wallet")

    assert answer.status_code == 404
    (order,) = await rows(shop, "SELECT inputs FROM orders")
    assert order.inputs == {"QQ": "wang_xiaoming"}


async def test_what_is_wrong_is_not_sent_to_the_supplier_every_few_seconds(
    shop: Shop, browser: OpenBrowser, runtime: Runtime
) -> None:
    buyer = await member(shop, browser, wallet_cents=1_000)
    no = await bought(buyer, shop, **{"inputs.0": "wang_xiaoming"})
    for _ in range(3):
        await work_off(runtime)  # what is due within seven seconds
    async with runtime.database.master_session() as session:
        asked = text("SELECT count(*) FROM purchases WHERE order_no = :no")
        assert (await session.execute(asked, {"no": no})).scalar_one() == 1

        await session.execute(text("UPDATE purchases SET created_at = created_at - interval '1 minute'"))
    async with shop.tenant.begin() as session:
        await session.execute(text("""UPDATE orders SET inputs = '{"QQ": "10001"}'"""))
    await make_due(shop)

    assert [row.state for row in await rows(shop, "SELECT state FROM orders")] == ["delivered"]
