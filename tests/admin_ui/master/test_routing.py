"""The master sees why a supplier was chosen, sets the weights, pins goods, closes breakers and settles what lasts."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from supplier_gateway.routing import queries as routing
from supplier_gateway.routing import service as routes
from supplier_gateway.routing.choice import Rules
from tests.admin_ui.conftest import audited
from tests.supplier_gateway.purchases.test_buying import let_time_pass, references, shop_buying_at
from tests.support.house import Shop, open_shop, work_off
from tests.support.processes import free_port
from tests.support.sandbox import Supplier, running_supplier
from tests.support.staff_client import StaffClient, error_at, text_of


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


async def supplier_of(runtime: Runtime, shop: Shop) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT supplier_id FROM offers WHERE good_id = :g"), {"g": shop.good_id})
        return int(row.scalar_one())


async def stuck(runtime: Runtime, supplier: Supplier) -> tuple[Shop, str, str]:
    """A station whose order has had no answer for a quarter of an hour; the order's number and the purchase."""
    shop = await shop_buying_at(runtime, supplier.url)
    supplier.stage({"kind": "error", "on": "any", "count": None})
    placed = await shop.buy(await shop.buyer(wallet_cents=60_000), quantity=2)
    await work_off(runtime)
    await let_time_pass(runtime, placed.id, 900)
    (reference,) = await references(runtime, placed.id)
    return shop, placed.no, reference


async def test_a_purchase_tells_why_its_supplier_was_chosen(
    runtime: Runtime, operator: StaffClient, supplier: Supplier
) -> None:
    supplier.stage()
    shop = await shop_buying_at(runtime, supplier.url)
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    (reference,) = await references(runtime, placed.id)

    said = text_of(await operator.get(f"/purchases/{reference}"))

    assert "Why this supplier" in said
    assert "No other could be asked" in said
    assert "Settle by hand" not in said


async def test_a_purchase_without_an_answer_is_settled_with_its_cards(
    runtime: Runtime, operator: StaffClient, supplier: Supplier
) -> None:
    shop, no, reference = await stuck(runtime, supplier)
    assert no in text_of(await operator.get("/purchases?state=stuck"))
    page = await operator.get(f"/purchases/{reference}")
    assert "you pay twice" in text_of(page)

    form = {"verdict": "delivered", "cards": f"A-{no}\nB-{no}\n", "cost": "99.00", "checked": "yes"}
    answer = await operator.post(f"/purchases/{reference}/settle", **form)
    await work_off(runtime)

    assert answer.status_code == 303
    assert await shop.state(no) == "delivered"
    page = await operator.get(f"/purchases/{reference}")
    assert f"A-{no}" not in page.text
    assert len(await audited(runtime, "purchases.settle", reference)) == 1
    assert no not in text_of(await operator.get("/purchases?state=stuck"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"checked": ""}, "checked"),
        ({"cards": ""}, "cards"),
        ({"cards": "A\nB\nC"}, "cards"),
        ({"cards": "A\nA"}, "cards"),
        ({"cost": ""}, "cost"),
        ({"cost": "-1"}, "cost"),
        ({"verdict": "perhaps"}, "verdict"),
    ],
)
async def test_a_settlement_that_cannot_be_right_is_told_at_its_field(
    runtime: Runtime, operator: StaffClient, supplier: Supplier, changes: dict[str, str], field: str
) -> None:
    _, no, reference = await stuck(runtime, supplier)
    await operator.get(f"/purchases/{reference}")
    form = {"verdict": "delivered", "cards": f"A-{no}\nB-{no}", "cost": "1", "checked": "yes"}

    answer = await operator.post(f"/purchases/{reference}/settle", **(form | changes))

    assert answer.status_code == 422
    assert error_at(answer, field)
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT state FROM purchases WHERE reference = :r"), {"r": reference})
        assert row.scalar_one() == "unknown"


async def test_rules_are_changed_with_what_they_were_in_the_log(runtime: Runtime, operator: StaffClient) -> None:
    page = await operator.get("/routing")
    assert "Choice of suppliers" in text_of(page)
    form = {
        "cost_weight": "0.5", "latency_weight": "1", "explore_percent": "1", "least_margin_percent": "0",
        "fresh_hours": "48", "budget_ms": "3500", "person_after_minutes": "10", "keep_days": "30",
    }  # fmt: skip

    wrong = await operator.post("/routing", **(form | {"explore_percent": "50"}))
    assert (wrong.status_code, bool(error_at(wrong, "explore_percent"))) == (422, True)
    saved = await operator.post("/routing", **form)

    assert saved.status_code == 303
    async with runtime.database.master_session() as session:
        assert (await routing.rules(session)).budget_ms == 3500
        await routes.change_rules(session, Rules())
        row = await session.execute(
            text("SELECT before, after FROM audit_log WHERE action = 'routing.rules' ORDER BY id DESC LIMIT 1")
        )
        before, after = row.one()
    assert (before["budget_ms"], after["budget_ms"]) == ("3000", "3500")


async def test_a_good_is_pinned_and_unpinned(runtime: Runtime, operator: StaffClient, supplier: Supplier) -> None:
    shop = await shop_buying_at(runtime, supplier.url)
    supplier_id = await supplier_of(runtime, shop)
    await operator.get(f"/routing/pins/{shop.good_id}")

    page = await operator.follow(
        await operator.post(f"/routing/pins/{shop.good_id}", supplier_id=supplier_id, alone="yes", note="contract")
    )
    assert "contract" in text_of(page)
    async with runtime.database.master_session() as session:
        pinned = await routing.pin_of(session, shop.good_id)
    assert pinned == routing.Pinned(supplier_id, True, "contract")

    await operator.post(f"/routing/pins/{shop.good_id}/remove")
    async with runtime.database.master_session() as session:
        assert await routing.pin_of(session, shop.good_id) is None
    assert len(await audited(runtime, "routing.unpin", str(shop.good_id))) == 1


async def test_a_good_cannot_be_pinned_to_a_supplier_that_does_not_offer_it(
    runtime: Runtime, operator: StaffClient, supplier: Supplier
) -> None:
    shop = await shop_buying_at(runtime, supplier.url)
    other = await supplier_of(runtime, await shop_buying_at(runtime, supplier.url))
    await operator.get(f"/routing/pins/{shop.good_id}")

    answer = await operator.post(f"/routing/pins/{shop.good_id}", supplier_id=other)

    assert answer.status_code == 422
    assert error_at(answer, "supplier_id")


async def test_an_open_breaker_is_shown_and_closed_by_hand(runtime: Runtime, operator: StaffClient) -> None:
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{free_port()}", max_quantity=10)
    supplier_id = await supplier_of(runtime, shop)
    for _ in range(5):
        await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    page = await operator.get("/routing")
    assert "Not asked for now" in text_of(page)

    answer = await operator.post("/routing/reset", scope="supplier", subject=supplier_id)

    assert answer.status_code == 303
    assert len(await audited(runtime, "routing.reset", str(supplier_id))) == 1
    assert supplier_id not in routes.known_of(runtime, "supplier")


async def test_a_good_that_nobody_offers_over_the_wire_cannot_be_pinned(
    runtime: Runtime, operator: StaffClient
) -> None:
    shop = await open_shop(runtime, keys=["K"])

    assert "Nobody offers this good" in text_of(await operator.get(f"/routing/pins/{shop.good_id}"))
