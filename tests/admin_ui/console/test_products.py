"""Listing, changing and hiding products."""

import pytest

from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import audited
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of

FORM = {"name": "Monthly pass", "price": "12.50", "min_quantity": "1", "max_quantity": "5", "shown": "yes"}


async def test_a_product_is_listed_and_found(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/products/new")

    page = await owner.follow(await owner.post("/console/products", good_id=shop.good_id, **FORM))

    assert "The product is listed." in page.text
    assert "You keep ¥4.50 (36.0%)" in text_of(page)
    assert "Monthly pass" in text_of(await owner.get("/console/products?q=MONTHLY"))
    assert "No product fits" in text_of(await owner.get("/console/products?q=yearly"))
    number = page.url.path.rpartition("/")[2]
    assert len(await audited(runtime, "products.add", number, shop.tenant)) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("price", "7.99", "The price is below what you pay for it yourself: ¥8.00."),
        ("price", "abc", "Write a number"),
        ("price", "-1", "Write a number"),
        ("price", "12.34567", "at most 4 decimals"),
        ("name", "", "Fill this in."),
        ("name", "x" * 81, "at most 80 characters"),
        ("good_id", "999999999", "This good is not offered to your station."),
        ("good_id", "", "Fill this in."),
        ("min_quantity", "0", "between 1 and 1000"),
        ("max_quantity", "1000000000", "between 1 and 1000"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_nothing_is_listed(
    shop: Shop, owner: StaffClient, field: str, value: str, said: str
) -> None:
    await owner.get("/console/products/new")

    answer = await owner.post("/console/products", **{"good_id": str(shop.good_id), **FORM, field: value})

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert f'href="#{field}"' in answer.text  # the summary on top leads to it
    if field != "name":
        assert 'value="Monthly pass"' in answer.text  # what was written is kept
    assert "Monthly pass" not in text_of(await owner.get("/console/products"))


async def test_a_largest_quantity_below_the_least_is_told_at_its_field(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/products/new")

    answer = await owner.post("/console/products", good_id=shop.good_id, **FORM | {"min_quantity": "6"})

    assert answer.status_code == 422
    assert "less than the least quantity" in error_at(answer, "max_quantity")


async def test_a_product_is_changed(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    form = await owner.get(f"/console/products/{shop.product_id}/edit")
    assert 'value="10.00"' in form.text

    page = await owner.follow(
        await owner.post(f"/console/products/{shop.product_id}", good_id=shop.good_id, **FORM | {"price": "1,234.5"})
    )

    assert "¥1,234.50" in text_of(page)
    assert len(await audited(runtime, "products.change", str(shop.product_id), shop.tenant)) == 1


async def test_a_product_is_hidden_and_shown_again(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    path = f"/console/products/{shop.product_id}"
    await owner.get(path)

    hidden = await owner.follow(await owner.post(f"{path}/shelf"))
    assert "Put on sale" in text_of(hidden)
    assert "月卡" not in text_of(await owner.get("/console/products?state=on_sale"))

    shown = await owner.follow(await owner.post(f"{path}/shelf", on_sale="yes"))
    assert "Take off sale" in text_of(shown)
    assert len(await audited(runtime, "products.hide", str(shop.product_id), shop.tenant)) == 1
    assert len(await audited(runtime, "products.show", str(shop.product_id), shop.tenant)) == 1


async def test_the_same_address_is_a_drawer_for_htmx_and_a_page_for_others(shop: Shop, owner: StaffClient) -> None:
    path = f"/console/products/{shop.product_id}"

    page, drawer = await owner.get(path), await owner.drawer(path)

    assert "<html" in page.text
    assert drawer.text.lstrip().startswith('<header class="drawer-head">')
    assert f'href="{path}"' in drawer.text


@pytest.mark.parametrize("path", ["/console/products/999999", "/console/orders/NOBODY", "/console/money/payments/X"])
async def test_what_is_not_there_is_a_404(owner: StaffClient, path: str) -> None:
    assert (await owner.get(path)).status_code == 404
