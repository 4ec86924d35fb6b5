"""Texts that no person types by accident, and dates that people do type."""

import pytest

from tests.admin_ui.conftest import clients, door, operator, owner, shop, sign_in
from tests.admin_ui.console.test_pages import PAGE, PATH
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.openapi.conftest import Machines, machine, member
from tests.tenants.openapi.test_buying import fill

__all__ = ["clients", "door", "machine", "operator", "owner", "shop", "sign_in"]

STRANGE_LINKS = [
    "<http://[::zz]/>",
    "[x](http://[zz]/a)",
    "[x](http://[)",
    "[x](//[::zz]/)",
    "![x](http://[::zz]/)",
    "[x](http://a℀b/)",
    "[x](http://x:99999999)",
    "[x](<http://[::1%zone]/>)",
    "[x]: http://[::zz]/\n\n[x]",
]


@pytest.mark.parametrize("link", STRANGE_LINKS)
async def test_a_link_that_is_no_address_breaks_no_page(owner: StaffClient, link: str) -> None:
    await owner.get(f"{PATH}/new")
    preview = await owner.post(f"{PATH}/preview", **{**PAGE, "body": f"before {link} after"})
    saved = await owner.post(PATH, **{**PAGE, "body": f"before\n\n{link}\n\nafter"})

    assert preview.status_code == 200
    assert saved.status_code == 303
    page = await owner.get("/pages/about")
    assert page.status_code == 200
    assert "after" in text_of(page)
    assert (await owner.get(saved.headers["location"])).status_code == 200


@pytest.mark.parametrize("ends", ["9999-12-31", "9999-12-31 23:59", "0001-01-01", "0001-01-01 00:00"])
async def test_a_special_price_until_the_end_of_time_is_told_at_its_field(
    shop: Shop, operator: StaffClient, ends: str
) -> None:
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)

    answer = await operator.post(path, good_id=str(shop.good_id), price="9.00", reason="because of it", ends=ends)

    assert answer.status_code in (303, 422)
    if answer.status_code == 422:
        assert error_at(answer, "ends") != ""


@pytest.mark.parametrize("at", ["9999-12-31", "0001-01-01 00:00"])
async def test_a_change_of_prices_is_not_scheduled_outside_of_time(shop: Shop, operator: StaffClient, at: str) -> None:
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)
    drafted = await operator.post(path, good_id=str(shop.good_id), price="7.00", reason="because of it")
    change = drafted.headers["location"]

    answer = await operator.post(f"{change}/schedule", apply_at=at)

    assert answer.status_code in (303, 422)


@pytest.mark.parametrize("number", ["D\u0000-1", "D\ud800", "D\n1", "\u202e1-D"])
async def test_an_order_by_machine_with_an_odd_number_is_told_of_or_not_made(
    shop: Shop, machine: Machines, number: str
) -> None:
    """Not charged and then refused with an error of the server, which the caller takes for a reason to try again."""
    buyer = await member(shop)
    await fill(shop, buyer, 10_000)
    client = await machine(shop, buyer)

    answer = await client.post("/orders", {"sku_id": shop.product_id, "quantity": 1, "downstream_order_no": number})

    assert answer.status_code < 500, answer.text
    left = await shop.wallet_cents(buyer)
    assert left == (9_000 if answer.json().get("ok") else 10_000)
