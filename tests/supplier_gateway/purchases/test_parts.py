"""Purchases that bring a part, top-ups, those that a person settles, and buying again. The suppliers are real HTTP
servers;
what a supplier's protocol cannot say yet is said by a person, who settles the purchase."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.core.errors import Invalid
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import service as offers
from supplier_gateway.port import Answer, Order, Outcome
from supplier_gateway.purchases import checking, queries, settling
from supplier_gateway.purchases import service as purchases
from supplier_gateway.purchases.errors import NotYours, SettledAlready, StillAlive
from supplier_gateway.purchases.service import Request
from supplier_gateway.purchases.settling import Verdict
from supplier_gateway.routing import queries as routing
from supplier_gateway.routing import service as routes
from supplier_gateway.routing.choice import Rules
from supplier_gateway.suppliers import service as suppliers
from tenants.orders import queries as orders
from tenants.orders.service import Placed
from tenants.orders.tasks import request_of
from tests.supplier_gateway.purchases.test_buying import SKU, let_time_pass, references, shop_buying_at
from tests.support.house import Shop, ledger_is_balanced, work_off
from tests.support.processes import free_port
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def shop(runtime: Runtime, supplier: Supplier) -> Shop:
    supplier.stage()
    return await shop_buying_at(runtime, supplier.url)


async def second_offer(runtime: Runtime, shop: Shop, url: str, cost: str = "50.00", priority: int = 5) -> int:
    """Another supplier of the good; returns the offer."""
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        added = await suppliers.add(session, sealer, f"second {shop.good_id}", "sandbox", url, "demo", SUPPLIER_SECRET)
        offer = await offers.add(session, shop.good_id, added.id, Decimal(cost), sku=SKU, priority=priority)
        return offer.id


async def stuck(runtime: Runtime, shop: Shop, supplier: Supplier, quantity: int = 1) -> tuple[Placed, str]:
    """An order whose supplier has given no answer that can be read for a quarter of an hour, and its purchase."""
    supplier.stage({"kind": "error", "on": "any", "count": None})
    placed = await shop.buy(await shop.buyer(wallet_cents=60_000), quantity=quantity)
    await work_off(runtime)
    await let_time_pass(runtime, placed.id, 900)
    (reference,) = await references(runtime, placed.id)
    return placed, reference


async def settled(runtime: Runtime, reference: str, verdict: Verdict) -> None:
    async with runtime.database.master_session() as session:
        await settling.settle(runtime, session, reference, verdict)


async def request(shop: Shop, placed: Placed) -> Request:
    async with shop.tenant.begin() as session:
        order = await orders.order(session, placed.id)
    return request_of(shop.tenant, order, shop.good_id)


async def reasons(runtime: Runtime, order_ref: UUID) -> list[str]:
    async with runtime.database.master_session() as session:
        return [kept.reason for kept in await routing.of_order(session, order_ref)]


async def test_a_person_who_has_the_cards_ends_what_the_supplier_does_not(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    placed, reference = await stuck(runtime, shop, supplier, quantity=2)

    cards = (f"BY-HAND-1-{placed.no}", f"BY-HAND-2-{placed.no}")
    await settled(runtime, reference, Verdict(delivered=True, cards=cards, cost_cents=9_900, supplier_order_no="S1"))
    await work_off(runtime)
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    assert await shop.keys(placed.id) == list(cards)
    async with runtime.database.master_session() as session:
        kept = await queries.by_reference(session, reference)
        booked = await session.execute(text("SELECT count(*) FROM ledger_transfers WHERE ref = :r"), {"r": reference})
        assert booked.scalar_one() == 1
    assert (kept.state, kept.cost_cents, kept.supplier_order_no) == ("delivered", 9_900, "S1")
    assert await ledger_is_balanced(runtime)


async def test_what_a_person_says_has_failed_is_bought_elsewhere(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    placed, reference = await stuck(runtime, shop, supplier)
    supplier.stage()

    await settled(runtime, reference, Verdict(delivered=False))
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    assert len(await references(runtime, placed.id)) == 2


async def test_a_part_is_kept_and_only_what_is_missing_is_bought_from_the_next(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    placed, reference = await stuck(runtime, shop, supplier, quantity=3)
    supplier.stage()

    part = (f"PART-{placed.no}",)
    await settled(runtime, reference, Verdict(delivered=True, cards=part, cost_cents=5_000))
    await work_off(runtime)
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    first, second = await references(runtime, placed.id)
    (bought,) = supplier.orders_by([second])
    assert bought["quantity"] == 2
    assert await shop.keys(placed.id) == [*part, *bought["cards"]]
    async with runtime.database.master_session() as session:
        assert (await queries.by_reference(session, first)).state == "partial"
        costs = await session.execute(
            text("SELECT ref FROM ledger_transfers WHERE ref = ANY(:refs) ORDER BY id"), {"refs": [first, second]}
        )
        assert {row.ref for row in costs} == {first, second}
    assert await ledger_is_balanced(runtime)


async def test_nobody_settles_what_the_supplier_may_still_tell(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    supplier.stage({"kind": "error", "on": "any", "count": None})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    (reference,) = await references(runtime, placed.id)

    with pytest.raises(NotYours):
        await settled(runtime, reference, Verdict(delivered=False))

    supplier.stage()
    await let_time_pass(runtime, placed.id, 60)
    await work_off(runtime)
    with pytest.raises(SettledAlready):
        await settled(runtime, reference, Verdict(delivered=False))


@pytest.mark.parametrize("cards", [(), ("SAME", "SAME"), ("A", "B", "C"), ("",)])
async def test_cards_that_cannot_be_right_settle_nothing(
    runtime: Runtime, shop: Shop, supplier: Supplier, cards: tuple[str, ...]
) -> None:
    _, reference = await stuck(runtime, shop, supplier, quantity=2)

    with pytest.raises(Invalid):
        await settled(runtime, reference, Verdict(delivered=True, cards=cards, cost_cents=100))

    async with runtime.database.master_session() as session:
        assert (await queries.by_reference(session, reference)).state == "unknown"


async def test_a_card_that_was_sold_before_settles_nothing(runtime: Runtime, shop: Shop, supplier: Supplier) -> None:
    card = (f"ONCE-{shop.good_id}",)
    _, first = await stuck(runtime, shop, supplier)
    await settled(runtime, first, Verdict(delivered=True, cards=card, cost_cents=100))
    _, second = await stuck(runtime, shop, supplier)

    with pytest.raises(Invalid):
        await settled(runtime, second, Verdict(delivered=True, cards=card, cost_cents=100))


async def test_a_supplier_that_calls_makes_its_order_run_at_once(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    supplier.stage({"kind": "timeout_after_success", "on": "buy"}, {"kind": "error", "on": "find", "count": None})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    supplier.stage()
    (reference,) = await references(runtime, placed.id)
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE outbox SET due_at = now() + interval '1 hour'"))
        purchase = await queries.by_reference(session, reference)
        assert not await purchases.wake(session, purchase.supplier_id + 1, reference)  # somebody else's reference
        assert await purchases.wake(session, purchase.supplier_id, reference)

    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"


async def test_buying_again_takes_the_offer_that_a_person_chose(runtime: Runtime, supplier: Supplier) -> None:
    supplier.stage()
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{free_port()}")
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    offer_id = await second_offer(runtime, shop, supplier.url, cost="58.00")  # dearer than the station pays

    receipt = await purchases.buy_again(runtime, await request(shop, placed), offer_id)
    await work_off(runtime)

    assert receipt.outcome is Outcome.DELIVERED
    assert await shop.state(placed.no) == "delivered"
    assert (await reasons(runtime, placed.id))[-1] == "asked_for"
    with pytest.raises(StillAlive):
        await purchases.buy_again(runtime, await request(shop, placed))
    assert len(supplier.orders_by(await references(runtime, placed.id))) == 1


async def test_nothing_is_bought_again_while_a_purchase_is_under_way(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    placed, _ = await stuck(runtime, shop, supplier)

    with pytest.raises(StillAlive):
        await purchases.buy_again(runtime, await request(shop, placed))

    assert len(await references(runtime, placed.id)) == 1


async def test_the_next_offer_is_asked_when_the_first_is_down_and_the_decisions_tell_it(
    runtime: Runtime, supplier: Supplier
) -> None:
    supplier.stage()
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{free_port()}")
    await pin_first(runtime, shop)
    await second_offer(runtime, shop, supplier.url, cost="54.90")
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    async with runtime.database.master_session() as session:
        first, second = await routing.of_order(session, placed.id)
    assert (first.outcome, first.fault) == ("failed", "unreachable")
    assert second.outcome == "delivered"
    assert [one.why for one in second.left_out] == ["failed_now"]
    assert {one.offer_id for one in first.candidates} == {first.offer_id, second.offer_id}


async def test_an_offer_that_would_be_a_loss_is_not_bought_and_the_decision_says_why(
    runtime: Runtime, supplier: Supplier
) -> None:
    supplier.stage()
    shop = await shop_buying_at(runtime, supplier.url)
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE offers SET cost = 55.01 WHERE good_id = :g"), {"g": shop.good_id})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)
    await let_time_pass(runtime, placed.id, 5)
    await work_off(runtime)

    assert await shop.state(placed.no) == "waiting"
    async with runtime.database.master_session() as session:
        (kept,) = await routing.of_order(session, placed.id)  # once, however often it was tried
    assert kept.reason == "nobody"
    assert [one.why for one in kept.left_out] == ["low_margin"]
    assert supplier.orders_by(await references(runtime, placed.id)) == []


async def test_a_pinned_supplier_is_asked_first(runtime: Runtime, supplier: Supplier) -> None:
    supplier.stage()
    shop = await shop_buying_at(runtime, supplier.url)
    offer_id = await second_offer(runtime, shop, supplier.url, cost="54.90")
    async with runtime.database.master_session() as session:
        pinned = await offers_supplier(runtime, offer_id)
        await routes.pin(session, shop.good_id, pinned, "operator", alone=False)
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)

    async with runtime.database.master_session() as session:
        (kept,) = await routing.of_order(session, placed.id)
    assert (kept.supplier_id, kept.reason, kept.outcome) == (pinned, "pinned", "delivered")


async def pin_first(runtime: Runtime, shop: Shop) -> None:
    """So that no chance decides who is asked first."""
    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT supplier_id FROM offers WHERE good_id = :g"), {"g": shop.good_id})
        await routes.pin(session, shop.good_id, found.scalar_one(), "operator", alone=False)


async def offers_supplier(runtime: Runtime, offer_id: int) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT supplier_id FROM offers WHERE id = :id"), {"id": offer_id})
        return int(row.scalar_one())


async def test_a_process_that_has_just_started_knows_what_others_have_learnt(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    for _ in range(3):
        placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
        await work_off(runtime)
        assert await shop.state(placed.no) == "delivered"
    fresh = routes.Memory()

    async with runtime.database.master_session() as session:
        await fresh.keep_up(session)
        offer = (
            await session.execute(text("SELECT id FROM offers WHERE good_id = :g"), {"g": shop.good_id})
        ).scalar_one()

    assert fresh.router.offers[offer].standing.successes > 2.9


async def test_rules_that_the_master_sets_are_followed_within_a_second(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        before = await routing.rules(session)
        await session.execute(text("UPDATE routing_rules SET explore_percent = DEFAULT"))
        assert await routing.rules(session) == Rules()  # the code's defaults are the database's
        await routes.change_rules(session, Rules(budget_ms=4_000))
        fresh = routes.Memory()
        await fresh.keep_up(session)
        await routes.change_rules(session, before)

    assert fresh.rules.budget_ms == 4_000


@pytest.mark.parametrize(
    ("answer", "outcome", "units"),
    [
        (Answer(Outcome.DELIVERED, message="done"), Outcome.DELIVERED, 5),  # a whole one need not be counted
        (Answer(Outcome.DELIVERED, delivered_quantity=5), Outcome.DELIVERED, 5),
        (Answer(Outcome.PARTIAL, delivered_quantity=2, cost_cents=10), Outcome.PARTIAL, 2),
        (Answer(Outcome.PARTIAL, delivered_quantity=5), Outcome.UNKNOWN, 0),
        (Answer(Outcome.PARTIAL), Outcome.UNKNOWN, 0),
        (Answer(Outcome.DELIVERED, delivered_quantity=4), Outcome.UNKNOWN, 0),
        (Answer(Outcome.PARTIAL, delivered_quantity=-1), Outcome.UNKNOWN, 0),
    ],
)
def test_a_top_up_is_counted_by_what_the_supplier_says(answer: Answer, outcome: Outcome, units: int) -> None:
    order = Order("R", "sku", 5, Decimal(1), kind="topup", inputs={"phone": "13800000000"})

    said = checking.checked(order, answer)

    assert (said.outcome, said.delivered_quantity, said.cards) == (outcome, units, ())
