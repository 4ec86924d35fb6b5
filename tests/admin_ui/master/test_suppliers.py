"""Suppliers asked for their balance, and what was bought from them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from supplier_gateway.purchases import measures
from supplier_gateway.suppliers.service import SupplierBalanceLow
from supplier_gateway.suppliers.tasks import watch_balances
from tests.support.acg_shop import APP_ID, APP_KEY, running_acg_shop
from tests.support.house import open_shop, work_off
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.support.staff_client import StaffClient, error_at, text_of

FOLLOWERS = ["tests.low"]


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as running:
        yield running


async def added(operator: StaffClient, url: str, secret: str = SUPPLIER_SECRET) -> str:
    """The page of a new supplier."""
    await operator.get("/suppliers/new")
    form = {"protocol": "sandbox", "name": f"S {ids.code(8)}", "base_url": url, "account": "demo"}
    page = await operator.follow(await operator.post("/suppliers", **form, secret_password=secret))
    return page.url.path


async def test_the_balance_is_asked_for_and_told(operator: StaffClient, supplier: Supplier) -> None:
    path = await added(operator, supplier.url)

    page = await operator.follow(await operator.post(f"{path}/trials"))

    assert "The supplier holds ¥" in text_of(page)


@pytest.mark.parametrize(
    ("secret", "url", "said"),
    [("wrong secret", "", "The supplier refused"), ("s", "http://127.0.0.1:9", "could not be reached")],
)
async def test_a_supplier_that_does_not_tell_is_an_error_in_words(
    operator: StaffClient, supplier: Supplier, secret: str, url: str, said: str
) -> None:
    path = await added(operator, url or supplier.url, secret)

    assert said in text_of(await operator.follow(await operator.post(f"{path}/trials")))


async def test_an_account_over_the_wire_needs_all_its_parts(operator: StaffClient) -> None:
    await operator.get("/suppliers/new")

    answer = await operator.post("/suppliers", protocol="sandbox", name="x", base_url="javascript:alert(1)")

    assert answer.status_code == 422
    for field in ("base_url", "account", "secret_password"):
        assert error_at(answer, field)


async def test_a_purchase_is_found_with_its_state_cost_and_ledger(
    runtime: Runtime, operator: StaffClient, supplier: Supplier
) -> None:
    supplier.stage()
    sku = "steam-50"
    shop = await open_shop(
        runtime, supplier_url=supplier.url, supplier_sku=sku, supplier_secret=SUPPLIER_SECRET,
        price="60.00", wholesale_price="55.00", supplier_cost="50.00",
    )  # fmt: skip
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    await work_off(runtime)
    assert await shop.state(placed.no) == "delivered"
    keys = await shop.keys(placed.id)

    found = await operator.get(f"/purchases?q={placed.no}&state=delivered")
    reference = found.text.partition('href="/purchases/KM')[2].partition('"')[0]
    page = await operator.get(f"/purchases/KM{reference}")

    assert shop.tenant.name in text_of(found)
    said = text_of(page)
    assert f"Order {placed.no}" in said
    assert "Bought from the supplier" in said
    assert "Balanced" in said
    assert all(key not in page.text for key in keys)
    assert placed.no not in text_of(await operator.get("/purchases?state=failed"))


async def test_the_connection_is_tested_before_anything_is_kept(operator: StaffClient, supplier: Supplier) -> None:
    supplier.stage()
    await operator.get("/suppliers/new")
    form = {"protocol": "sandbox", "base_url": supplier.url, "account": "demo"}

    right = await operator.post("/suppliers/trials", **form, secret_password=SUPPLIER_SECRET)
    wrong = await operator.post("/suppliers/trials", **form, secret_password="wrong")
    nowhere = await operator.post("/suppliers/trials", **(form | {"base_url": "no address"}), secret_password="x")

    assert "沙箱供应商 answered in" in text_of(right)
    assert "The supplier refused: signature: wrong signature" in text_of(wrong)
    assert "Write an address" in text_of(nowhere)
    assert "沙箱供应商" not in text_of(await operator.get("/suppliers"))


async def test_a_shop_of_acg_faka_is_added_and_greets(operator: StaffClient) -> None:
    with running_acg_shop() as shop:
        await operator.get("/suppliers/new")
        form = {"protocol": "acg", "name": f"S {ids.code(8)}", "base_url": shop.url, "account": APP_ID}
        page = await operator.follow(await operator.post("/suppliers", **form, secret_password=APP_KEY))
        tested = await operator.follow(await operator.post(f"{page.url.path}/trials"))

    assert "acg-faka shared store" in text_of(page)
    assert "cannot be asked by our reference" in text_of(page)
    assert "演示发卡网 answered in" in tested.text
    assert "¥1,000,000.00" in text_of(tested)


async def test_a_key_is_changed_only_for_one_that_works_and_never_shown(
    runtime: Runtime, operator: StaffClient, supplier: Supplier
) -> None:
    path = await added(operator, supplier.url)
    form = {"base_url": supplier.url, "account": "demo"}
    page = await operator.get(f"{path}/account")
    assert SUPPLIER_SECRET not in page.text

    refused = await operator.post(f"{path}/account", **form, secret_password="a slip of the pen")
    assert refused.status_code == 422
    assert "The supplier refused" in text_of(refused)
    assert "The supplier holds" in (await operator.follow(await operator.post(f"{path}/trials"))).text
    assert (await operator.post(f"{path}/account", **form, secret_password=SUPPLIER_SECRET)).status_code == 303

    assert "The supplier holds" in (await operator.follow(await operator.post(f"{path}/trials"))).text
    assert "Secret changed" in text_of(await operator.get(path))
    async with runtime.database.master_session() as session:
        logged = await session.execute(
            text("SELECT detail, before, after FROM audit_log WHERE action = 'suppliers.rekey' AND subject = :id"),
            {"id": path.rpartition("/")[2]},
        )
        (line,) = logged.all()
        assert SUPPLIER_SECRET not in str(line)


async def test_a_key_goes_to_no_other_address_than_it_was_given_for(operator: StaffClient, supplier: Supplier) -> None:
    path = await added(operator, supplier.url)
    await operator.get(f"{path}/account")

    moved = await operator.post(f"{path}/account", base_url="http://127.0.0.1:9", account="demo")
    unreachable = {"base_url": "http://127.0.0.1:9", "account": "demo", "secret_password": "x"}

    assert "Write the key again" in error_at(moved, "secret_password")
    asked = await operator.post(f"{path}/account", **unreachable)
    assert "could not be reached" in text_of(asked)
    assert (await operator.post(f"{path}/account", **unreachable, untested="yes")).status_code == 303


async def test_a_balance_below_its_level_is_told_of_once(
    runtime: Runtime, operator: StaffClient, supplier: Supplier, monkeypatch: pytest.MonkeyPatch
) -> None:
    supplier.stage()
    told_of: type[Event] = SupplierBalanceLow
    monkeypatch.setitem(outbox.followers, told_of, FOLLOWERS)  # read from its rows
    path = await added(operator, supplier.url)
    number = int(path.rpartition("/")[2])
    form = {"base_url": supplier.url, "account": "demo", "low_balance": "100"}
    await operator.get(f"{path}/account")
    await operator.post(f"{path}/account", **form)

    async def warnings() -> list[int]:
        async with runtime.database.master_session() as session:
            rows = await session.execute(text("DELETE FROM outbox WHERE follower = 'tests.low' RETURNING payload"))
            return [row.payload["balance_cents"] for row in rows if row.payload["supplier_id"] == number]

    for cents, told in [(20_000, []), (9_999, [9_999]), (9_000, []), (10_000, []), (1, [1])]:
        supplier.balance(cents)
        await watch_balances(runtime)
        assert await warnings() == told
    page = text_of(await operator.get(path))
    supplier.balance(100_000_000)
    assert "below the warning level" in page
    assert "¥0.01" in page


async def test_how_a_supplier_has_answered_is_seen_at_a_glance(
    runtime: Runtime, operator: StaffClient, supplier: Supplier
) -> None:
    supplier.stage({"kind": "out_of_stock"})
    shop = await open_shop(
        runtime, supplier_url=supplier.url, supplier_sku="steam-50", supplier_secret=SUPPLIER_SECRET,
        price="60.00", wholesale_price="55.00", supplier_cost="50.00",
    )  # fmt: skip
    buyer = await shop.buyer(wallet_cents=12_000)
    for _ in range(2):
        await shop.buy(buyer)
        await work_off(runtime)
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text("SELECT DISTINCT supplier_id FROM purchases WHERE tenant_id = :t"), {"t": shop.tenant.id}
        )
        number = rows.scalar_one()

    page = text_of(await operator.get(f"/suppliers/{number}"))

    assert "50 % of the last 2 purchases" in page
    assert "The supplier has none left 1" in page
    assert (await operator.get("/suppliers")).text.count("50 %") >= 1


async def test_the_last_purchases_are_found_by_an_index(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        await session.execute(text("SET LOCAL enable_sort = off"))
        plan = await session.execute(text(f"EXPLAIN {measures.ANSWERS.text}"), {"supplier": None, "last": 100})
        assert "purchases_of_supplier" in "\n".join(row[0] for row in plan)
