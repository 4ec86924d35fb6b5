"""The owner's page of the plan: what it costs, how much is used, changing it."""

import re

from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.plans import service
from tenants.plans.service import PlanDraft
from tests.admin_ui.conftest import SignIn
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, text_of
from tests.tenants.plans.steps import Station, add_plan

BANNER = "The plan is not paid: the shop takes no new orders"


async def test_a_station_without_plan_reads_that_it_pays_nothing(owner: StaffClient) -> None:
    page = text_of(await owner.get("/console/plan"))

    assert "Your station has no plan" in page
    assert "Other plans" not in page


async def test_the_page_says_what_it_costs_until_when_and_how_much_is_used(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    station = Station(shop)
    await station.give(await add_plan(runtime, 9_900, max_products=5, max_staff=3, max_orders_month=100))
    await station.renew()
    await shop.buy(await shop.buyer(wallet_cents=1_000))

    page = text_of(await owner.get("/console/plan"))

    paid_until = (await station.subscription()).paid_until
    assert paid_until is not None
    assert "¥99.00 for 1 month" in page
    assert f"Paid until {paid_until:%Y-%m}" in page
    assert "Products on sale 1 of 5" in page
    assert "Accounts of staff 1 of 3" in page
    assert "Orders this month 1 of 100" in page
    assert "Plan" in text_of(await owner.get("/console/money"))


async def test_the_owner_changes_to_a_dearer_plan_and_both_logs_know_it(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    station, larger = Station(shop), await add_plan(runtime, 50_000)
    await station.give(await add_plan(runtime, 10_000))
    await station.renew()
    page = (await owner.get("/console/plan")).text
    assert re.search(r"¥500\.00 is charged, less ¥\d+\.\d\d for the rest of the paid period", page)

    answer = await owner.follow(await owner.post("/console/plan", plan_id=larger, price_cents=50_000))

    assert "¥500.00 for 1 month" in text_of(answer)
    assert (await station.subscription()).plan_id == larger
    assert "Set a station's plan" in text_of(await owner.get("/console/audit")).replace("’", "'")


async def test_a_cheaper_plan_waits_and_can_be_called_off(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    station, smaller = Station(shop), await add_plan(runtime, 1_000)
    await station.give(await add_plan(runtime, 10_000))
    await station.renew()
    await owner.get("/console/plan")

    page = await owner.follow(await owner.post("/console/plan", plan_id=smaller, price_cents=1_000))
    assert "From then on" in text_of(page)
    page = await owner.follow(await owner.post("/console/plan/stay"))

    assert "From then on" not in text_of(page)
    assert await station.charged_cents() == 10_000


async def test_a_price_that_changed_under_the_owners_eyes_is_not_charged(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    station, larger = Station(shop), await add_plan(runtime, 50_000)
    await station.give(await add_plan(runtime, 10_000))
    await station.renew()
    await owner.get("/console/plan")
    async with runtime.database.master_session() as session:
        draft = PlanDraft(name=f"plan {ids.code(6)}", price_cents=60_000, is_offered=True)
        await service.change(session, larger, draft)

    answer = await owner.post("/console/plan", plan_id=larger, price_cents=50_000)

    assert answer.status_code == 409
    assert "has just changed" in text_of(answer)
    assert await station.charged_cents() == 10_000


async def test_who_is_overdue_sees_it_everywhere_and_can_pay(runtime: Runtime, sign_in: SignIn) -> None:
    shop = await open_shop(runtime, deposit_cents=9_000)
    station, owner = Station(shop), await sign_in(shop.tenant, Role.OWNER)
    await station.give(await add_plan(runtime, 10_000))
    await station.renew()
    await station.tenant()

    for path in ("/console", "/console/orders", "/console/plan"):
        assert BANNER in text_of(await owner.get(path)), path
    assert "Pay the plan from the deposit" not in text_of(await owner.get("/console/plan"))
    await station.told()
    assert "The deposit did not cover ¥100.00 for your plan" in text_of(await owner.get("/console"))

    cheaper = await add_plan(runtime, 9_000)
    await owner.get("/console/plan")
    page = await owner.follow(await owner.post("/console/plan", plan_id=cheaper, price_cents=9_000))

    assert BANNER not in text_of(page)
    assert (await station.tenant()).takes_orders


async def test_a_plan_that_is_too_small_has_no_button_and_is_refused(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    station, tiny = Station(shop), await add_plan(runtime, 20_000, max_orders_month=1)
    await station.give(await add_plan(runtime, 10_000))
    await station.renew()
    buyer = await shop.buyer(wallet_cents=2_000)
    for _ in range(2):
        await shop.buy(buyer)

    page = await owner.get("/console/plan")
    assert "2 orders were taken this month and the plan allows 1." in text_of(page)
    answer = await owner.post("/console/plan", plan_id=tiny, price_cents=20_000)

    assert answer.status_code == 422
    assert await station.charged_cents() == 10_000


async def test_a_product_beyond_the_plan_is_refused_with_words(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    await Station(shop).give(await add_plan(runtime, 1_000, max_products=1))
    await owner.get("/console/products/new")
    form = {"good_id": shop.good_id, "name": "季卡", "price": "12"}

    refused = await owner.post("/console/products", **form, shown="yes")
    hidden = await owner.follow(await owner.post("/console/products", **form))
    shelf = await owner.follow(await owner.post(f"{hidden.url.path}/shelf", on_sale="yes"))

    assert refused.status_code == 422
    assert "The plan allows 1 products on sale." in text_of(refused)
    assert "The plan allows 1 products on sale." in shelf.text
    assert "Hidden" in text_of(shelf)
