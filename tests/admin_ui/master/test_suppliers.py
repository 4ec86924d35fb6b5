"""Suppliers asked for their balance, and what was bought from them."""

from collections.abc import Iterator

import pytest

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.support.house import open_shop, work_off
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.support.staff_client import StaffClient, error_at, text_of


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
    reference = found.text.partition('href="/purchases/')[2].partition('"')[0]
    page = await operator.get(f"/purchases/{reference}")

    assert shop.tenant.name in text_of(found)
    said = text_of(page)
    assert f"Order {placed.no}" in said
    assert "Bought from the supplier" in said
    assert "Balanced" in said
    assert all(key not in page.text for key in keys)
    assert placed.no not in text_of(await operator.get("/purchases?state=failed"))
