"""Special prices at the master: one station, one good, for a time."""

from decimal import Decimal

import pytest

from kameng.infra.runtime import Runtime
from tests.admin_ui.master.steps import WHY, applied
from tests.support.house import Shop, open_station
from tests.support.prices import quoted, tier_of
from tests.support.staff_client import StaffClient, error_at, text_of


async def test_a_special_price_is_given_looked_at_and_ended(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)
    form = {"good_id": str(shop.good_id), "price": "7.00", "note": "Spring", **WHY, "ends": "2099-01-01T00:00"}

    page = await operator.follow(await operator.post(path, **form))
    await applied(operator, page.url.path)

    assert await quoted(shop) == Decimal("7.00")
    assert "Spring" in text_of(await operator.get("/special-prices?q=Spring&state=valid"))
    seen = text_of(await owner.get("/console/prices"))
    assert "7.00 until 2099-01-01 00:00 instead of ¥8.00" in seen
    placed = await shop.buy(await shop.buyer(wallet_cents=5_000))
    assert "Charged by Special price" in text_of(await owner.get(f"/console/orders/{placed.no}"))

    overlapping = await operator.post(path, **form | {"price": "6.50"})
    assert "another special price" in error_at(overlapping, "starts")

    listed = await operator.get(path)
    number = listed.text.partition(f'action="{path}/')[2].partition("/")[0]
    page = await operator.follow(await operator.post(f"{path}/{number}/end"))
    await applied(operator, page.url.path)
    assert await quoted(shop) == Decimal("8.0000")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("price", "4.99", "each sale would lose ¥0.01"),
        ("good_id", "2147483647", "Choose one of the list."),
        ("ends", "2020-01-01T00:00", "This is before it begins."),
        ("starts", "tomorrow", "Write a time such as"),
    ],
)
async def test_a_wrong_special_price_is_told_at_its_field(
    shop: Shop, operator: StaffClient, field: str, value: str, said: str
) -> None:
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)
    form = {"good_id": str(shop.good_id), "price": "7.00", **WHY, field: value}

    answer = await operator.post(path, **form)

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert await quoted(shop) == Decimal("8.0000")


async def test_a_special_price_is_not_ended_at_another_stations_address(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    other = await open_station(runtime, tier_id=await tier_of(shop))
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)
    form = {"good_id": str(shop.good_id), "price": "7.00", **WHY}
    page = await operator.follow(await operator.post(path, **form))
    await applied(operator, page.url.path)
    listed = await operator.get(path)
    number = listed.text.partition(f'action="{path}/')[2].partition("/")[0]

    answer = await operator.post(f"/tenants/{other.id}/prices/{number}/end")

    assert answer.status_code == 404
    assert await quoted(shop) == Decimal("7.00")
