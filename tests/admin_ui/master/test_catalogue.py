"""The master's catalogue room and its replenishment, through the front door."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from supplier_gateway.suppliers import service as suppliers
from tests.admin_ui.conftest import audited
from tests.support.house import open_shop, work_off
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.support.staff_client import StaffClient, error_at, text_of


@pytest.fixture
def sandbox() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def account(runtime: Runtime, sandbox: Supplier) -> int:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        name = f"sandbox {ids.code(8)}"
        supplier = await suppliers.add(session, sealer, name, "sandbox", sandbox.url, "demo", SUPPLIER_SECRET)
        await session.execute(text("UPDATE replenish_rules SET order_cents = 500000, day_cents = 2000000000"))
    return supplier.id


async def read(runtime: Runtime, operator: StaffClient, account: int) -> str:
    """Has the catalogue read; the page of the reading."""
    page = await operator.get(f"/catalogue/suppliers/{account}")
    assert "Read it now" in page.text
    answer = await operator.post(f"/catalogue/suppliers/{account}/runs")
    await work_off(runtime)
    return text_of(await operator.follow(answer))


async def test_articles_are_read_found_and_offered_with_a_price(
    runtime: Runtime, operator: StaffClient, sandbox: Supplier, account: int
) -> None:
    name = f"Gift {ids.code(8)}"
    sandbox.goods({"sku": "gift", "name": name, "cost": "10.00", "stock": 5})

    told = await read(runtime, operator, account)
    listed = await operator.get(f"/catalogue?supplier={account}&q={name}")
    answer = await operator.post("/catalogue/bulk", act="adopt", id=f"{account}:gift", rule="cost+10%")
    after = text_of(await operator.follow(answer))

    assert "In force" in told
    assert name in listed.text
    assert name in after
    async with runtime.database.master_session() as session:
        prices = await session.execute(
            text("SELECT DISTINCT p.price FROM tier_prices p JOIN goods g ON g.id = p.good_id WHERE g.name = :n"),
            {"n": name},
        )
        assert [str(row.price) for row in prices] in (["11.0000"], [])
    assert await audited(runtime, "catalogue.adopt_all", "") != []


async def test_a_bad_rule_is_told_and_nothing_is_offered(
    runtime: Runtime, operator: StaffClient, sandbox: Supplier, account: int
) -> None:
    await read(runtime, operator, account)

    answer = await operator.post(f"/catalogue/suppliers/{account}/match", sku="steam-50", rule="twice")

    assert answer.status_code == 422
    assert "cost+" in text_of(answer)


async def test_a_cost_that_jumped_is_approved_on_its_page(
    runtime: Runtime, operator: StaffClient, sandbox: Supplier, account: int
) -> None:
    name = f"Gift {ids.code(8)}"
    sandbox.goods({"sku": "gift", "name": name, "cost": "10.00", "stock": 5})
    await read(runtime, operator, account)
    await operator.post(f"/catalogue/suppliers/{account}/match", sku="gift")
    sandbox.goods({"sku": "gift", "name": name, "cost": "20.00", "stock": 5})
    await read(runtime, operator, account)

    page = await operator.get(f"/catalogue/costs?q={name}")
    async with runtime.database.master_session() as session:
        offer = (
            await session.execute(
                text("SELECT id, held_cost FROM offers WHERE supplier_id = :s AND sku = 'gift'"), {"s": account}
            )
        ).one()
    await operator.post(f"/catalogue/costs/{offer.id}", told=str(offer.held_cost), approved="yes")

    assert "+100 %" in text_of(page)
    assert name not in (await operator.get(f"/catalogue/costs?q={name}")).text.partition('id="list"')[2]
    assert await audited(runtime, "offers.cost_approve", str(offer.id)) != []


async def test_a_catalogue_that_lost_most_is_decided_on_its_page(
    runtime: Runtime, operator: StaffClient, sandbox: Supplier, account: int
) -> None:
    await read(runtime, operator, account)
    sandbox.remove_goods("steam-50", "steam-100", "honor-60", "qq-vip-month")
    told = await read(runtime, operator, account)
    async with runtime.database.master_session() as session:
        held = text("SELECT id FROM sync_runs WHERE supplier_id = :s AND state = 'held'")
        run_id = (await session.execute(held, {"s": account})).scalar_one()

    answer = await operator.post(f"/catalogue/runs/{run_id}/decision", approved="yes")

    assert "4 of 7 articles are not there any more" in told
    assert "In force" in text_of(await operator.follow(answer))


async def test_cards_are_ordered_with_a_click_and_lie_in_stock(
    runtime: Runtime, operator: StaffClient, sandbox: Supplier
) -> None:
    shop = await open_shop(
        runtime, supplier_url=sandbox.url, supplier_sku="honor-60", supplier_secret=SUPPLIER_SECRET,
        supplier_cost="6.00",
    )  # fmt: skip
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        await suppliers.add_stock(session, sealer, f"stock {ids.code(8)}")
        await session.execute(text("UPDATE replenish_rules SET order_cents = 500000, day_cents = 2000000000"))
        offer = text("SELECT id FROM offers WHERE good_id = :g")
        offer_id = (await session.execute(offer, {"g": shop.good_id})).scalar_one()
    await operator.get(f"/replenishments/goods/{shop.good_id}")
    answer = await operator.post(f"/replenishments/goods/{shop.good_id}/wanted")
    address = answer.headers["location"]
    await operator.follow(answer)

    too_much = await operator.post(f"{address}/order", offer_id=str(offer_id), quantity="1500")
    await operator.post(f"{address}/order", offer_id=str(offer_id), quantity="4")
    await work_off(runtime)

    assert too_much.status_code == 422
    assert "one order may cost" in error_at(too_much, "quantity") or "may cost" in text_of(too_much)
    assert "Received" in text_of(await operator.get(address))
    assert "4" in text_of(await operator.get(f"/replenishments/goods/{shop.good_id}"))


async def test_limits_and_levels_are_kept(runtime: Runtime, operator: StaffClient) -> None:
    shop = await open_shop(runtime)
    await operator.get("/replenishments")
    wrong = await operator.post(
        "/replenishments/rules", order_limit="0", day_limit="20000", lead_days="1", cover_days="7"
    )
    right = await operator.post(
        "/replenishments/rules", order_limit="5000", day_limit="9000000", lead_days="2", cover_days="7"
    )
    await operator.post(f"/replenishments/goods/{shop.good_id}", warn_at="5", auto_units="10")

    assert wrong.status_code == 422
    assert error_at(wrong, "order_limit") != ""
    assert right.status_code == 303
    page = await operator.get(f"/replenishments/goods/{shop.good_id}")
    assert 'value="5"' in page.text
