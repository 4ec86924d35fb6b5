"""Plans at the master: made, changed, retired, and given to stations."""

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.plans.renewal import Renewal
from tests.admin_ui.conftest import PASSWORD, audited
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.plans.steps import Station, add_plan


def terms(**changes: str) -> dict[str, str]:
    """A plan's form that is right."""
    return {
        "name": f"套餐 {ids.code(6)}",
        "price": "1,299.00",
        "period_months": "12",
        "trial_days": "14",
        "opening_fee": "99.5",
        "max_products": "200",
        "max_staff": "",
        "max_orders_month": "10000",
        "is_offered": "yes",
    } | changes


async def add(operator: StaffClient, **changes: str) -> str:
    """The path of a new plan's page."""
    await operator.get("/plans/new")
    answer = await operator.post("/plans", **terms(**changes))
    assert answer.status_code == 303, text_of(answer)
    return answer.headers["location"]


async def test_a_plan_is_added_and_shown(runtime: Runtime, operator: StaffClient) -> None:
    path = await add(operator, name="旗舰")

    page = text_of(await operator.get(path))

    for said in ("旗舰", "¥1,299.00 for 12 months", "14 days", "¥99.50", "200", "No limit", "10,000", "Offered"):
        assert said in page, said
    assert "旗舰" in text_of(await operator.get("/plans"))
    assert len(await audited(runtime, "plans.add", path.rpartition("/")[2])) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Fill this in."),
        ("price", "-1", "Write a number"),
        ("price", "1.001", "at most 2 decimals"),
        ("period_months", "0", "between 1 and 36"),
        ("period_months", "37", "between 1 and 36"),
        ("trial_days", "400", "between 0 and 365"),
        ("opening_fee", "50000.01", "Write a number"),
        ("max_products", "0", "Write a whole number"),
        ("max_staff", "many", "Write a whole number"),
    ],
)
async def test_a_wrong_field_is_named_and_the_form_keeps_the_rest(
    operator: StaffClient, field: str, value: str, said: str
) -> None:
    await operator.get("/plans/new")

    answer = await operator.post("/plans", **terms(**{field: value}))

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert 'value="10000"' in answer.text


async def test_two_plans_do_not_share_a_name(operator: StaffClient) -> None:
    path = await add(operator, name=(name := f"基础 {ids.code(6)}"))
    other = await add(operator)

    for to in ("/plans", other):
        answer = await operator.post(to, **terms(name=name))
        assert answer.status_code == 422
        assert error_at(answer, "name") == "There is a plan of this name already."
    assert (await operator.post(path, **terms(name=name))).status_code == 303


async def test_the_log_tells_what_was_changed(operator: StaffClient) -> None:
    path = await add(operator)

    await operator.follow(await operator.post(path, **terms(name=(name := f"新 {ids.code(6)}"), price="1,399.00")))

    log = text_of(await operator.get(f"/audit?q={path.rpartition('/')[2]}"))
    assert "¥1,299.00 → ¥1,399.00" in log
    assert name in log


async def test_a_retired_plan_stays_with_who_has_it_and_can_be_offered_again(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    station = Station(shop)
    plan_id = await add_plan(runtime, 10_000)
    await station.give(plan_id)
    await operator.get(f"/plans/{plan_id}")

    page = await operator.follow(await operator.post(f"/plans/{plan_id}/retire", paused="yes"))
    assert "Retired" in text_of(page)
    assert await station.renew() is Renewal.PAID
    page = await operator.follow(await operator.post(f"/plans/{plan_id}/retire"))
    assert "Offered to everybody" in text_of(page)


async def test_the_operator_gives_changes_and_takes_a_stations_plan(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    path, station = f"/tenants/{shop.tenant.id}/plan", Station(shop)
    small, large = await add_plan(runtime, 10_000, is_offered=False), await add_plan(runtime, 90_000, max_products=7)
    page = await operator.get(path)
    assert "No plan" in text_of(page)
    assert f'href="{path}"' in (await operator.get(f"/tenants/{shop.tenant.id}")).text

    page = await operator.follow(await operator.post(path, plan_id=small))
    assert "¥100.00 for 1 month" in text_of(page)
    assert await station.charged_cents() == 10_000

    page = await operator.follow(await operator.post(path, plan_id=large, when="end"))
    assert "From then on" in text_of(page)
    page = await operator.follow(await operator.post(f"{path}/stay"))
    assert "From then on" not in text_of(page)

    page = await operator.follow(await operator.post(path, plan_id=large, when="now"))
    assert "1 of 7" in text_of(page)
    assert await station.shop.deposit_cents() == 1_000_000 - await station.charged_cents()

    page = await operator.follow(await operator.post(f"{path}/end"))
    assert "No plan" in text_of(page)
    for action, times in (("stations.plan", 3), ("stations.plan_stay", 1), ("stations.plan_end", 1)):
        assert len(await audited(runtime, action, str(station.id))) == times


async def test_a_plan_that_is_too_small_is_refused_at_its_field(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    path = f"/tenants/{shop.tenant.id}/plan"
    await Station(shop).give(await add_plan(runtime, 1_000))
    async with shop.tenant.begin() as session:
        await session.execute(
            text("INSERT INTO products (good_id, name, price) SELECT good_id, name || ' 2', price FROM products")
        )
    await operator.get(path)

    answer = await operator.post(path, plan_id=await add_plan(runtime, 9_000, max_products=1))

    assert answer.status_code == 422
    assert "2 products are on sale and the plan allows 1" in error_at(answer, "plan_id")


async def test_an_account_beyond_the_plan_is_refused(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    await Station(shop).give(await add_plan(runtime, 1_000, max_staff=1))
    path = f"/tenants/{shop.tenant.id}/team"
    await operator.get(path)
    form = {"staff_name": "X", "staff_password": PASSWORD, "staff_role": str(Role.OWNER)}

    first = await operator.post(f"{path}/accounts", staff_login=f"a-{ids.code(6)}", **form)
    second = await operator.post(f"{path}/accounts", staff_login=f"b-{ids.code(6)}", **form)
    invited = await operator.post(f"{path}/invitations", name="X", role="deputy")

    assert first.status_code == 303
    assert (second.status_code, invited.status_code) == (422, 422)
    assert "The plan allows 1 accounts of staff." in text_of(second)
    assert "The plan allows 1 accounts of staff." in text_of(invited)
