"""Cards ordered from a supplier into the master's stock, over real HTTP, with what goes wrong there."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import text

from kameng.cards import service as cards
from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later
from supplier_gateway.offers import service as offers
from supplier_gateway.replenishment import ordering, queries, service
from supplier_gateway.replenishment.errors import NotStuck, NotWanted, OnItsWay, OverLimit
from supplier_gateway.replenishment.ordering import Verdict
from supplier_gateway.replenishment.queries import Replenishment, Rules, Setting
from supplier_gateway.suppliers import service as suppliers
from tenants.stock import replenishment as station
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier

GENEROUS = Rules(order_cents=1_000_000_00, day_cents=10_000_000_00, lead_days=1, cover_days=7)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def shop(runtime: Runtime, sandbox: Supplier) -> Shop:
    """Sells from own cards, of which there are none; a supplier has some at 50 yuan."""
    sandbox.stage()
    sandbox.goods({"sku": "steam-50", "name": "Steam 50", "cost": "47.20", "stock": 500})
    opened = await open_shop(
        runtime, price="60.00", wholesale_price="55.00", supplier_url=sandbox.url, supplier_sku="steam-50",
        supplier_secret=SUPPLIER_SECRET, supplier_cost="50.00",
    )  # fmt: skip
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        own = await suppliers.add_stock(session, sealer, f"stock {ids.code(8)}")
        await offers.add(session, opened.good_id, own.id, Decimal("50.00"))
        await service.change_rules(session, GENEROUS)
    return opened


async def ordered(shop: Shop, quantity: int = 3) -> Replenishment:
    async with shop.runtime.database.master_session() as session:
        wanted = await service.want(session, shop.good_id)
        assert wanted is not None
        (offer,) = await service.choices(session, shop.good_id)
        return await service.order(session, wanted.reference, offer.id, quantity, "tester")


async def now(shop: Shop, reference: str) -> Replenishment:
    async with shop.runtime.database.master_session() as session:
        return await queries.find(session, reference)


async def pool(shop: Shop) -> int:
    async with shop.runtime.database.master_session() as session:
        return (await cards.counts(session, [shop.good_id])).get(shop.good_id, 0)


async def test_cards_that_come_are_a_batch_with_supplier_and_cost(shop: Shop, sandbox: Supplier) -> None:
    asked = await ordered(shop)

    await work_off(shop.runtime)
    await work_off(shop.runtime)

    here = await now(shop, asked.reference)
    assert (here.state, here.received, here.cost_cents) == ("received", 3, 14160)
    assert await pool(shop) == 3
    async with shop.runtime.database.master_session() as session:
        batch = text("SELECT supplier, cost_cents, added, note FROM card_batches WHERE id = :id")
        row = (await session.execute(batch, {"id": here.batch_id})).one()
        booked = text("SELECT count(*) FROM ledger_transfers WHERE ref = :ref AND kind = 'replenishment'")
        assert (await session.execute(booked, {"ref": asked.reference})).scalar_one() == 1
    assert (row.cost_cents, row.added, row.note) == (4720, 3, asked.reference)
    assert row.supplier.startswith("sandbox")
    assert await ledger_is_balanced(shop.runtime)


async def test_a_timeout_after_success_is_one_order(shop: Shop, sandbox: Supplier) -> None:
    sandbox.stage({"kind": "timeout_after_success", "on": "buy"})
    asked = await ordered(shop)

    await work_off(shop.runtime)

    (made,) = sandbox.orders_by([asked.reference])
    assert made["requests"] == 1
    assert (await now(shop, asked.reference)).state == "received"


async def test_an_order_without_an_answer_is_never_sent_again(shop: Shop, sandbox: Supplier) -> None:
    sandbox.stage({"kind": "timeout_before", "on": "buy"}, {"kind": "error", "on": "find"})
    asked = await ordered(shop)
    with pytest.raises(Later):
        await ordering.advance(shop.runtime, asked.id)
    unknown = await now(shop, asked.reference)
    with pytest.raises(Later):
        await ordering.advance(shop.runtime, asked.id)

    assert unknown.state == "unknown"
    assert sandbox.orders_by([asked.reference]) == []


async def test_no_such_order_counts_once_the_first_call_is_over(shop: Shop, sandbox: Supplier) -> None:
    sandbox.stage({"kind": "timeout_before", "on": "buy"})
    asked = await ordered(shop)
    with pytest.raises(Later):
        await ordering.advance(shop.runtime, asked.id)
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE replenishments SET sent_at = sent_at - interval '1 minute' WHERE id = :id"), {"id": asked.id}
        )

    await ordering.advance(shop.runtime, asked.id)

    assert (await now(shop, asked.reference)).state == "failed"


async def test_a_part_is_received_and_the_rest_is_not_paid_for(shop: Shop, sandbox: Supplier) -> None:
    sandbox.stage({"kind": "partial", "on": "buy"})
    asked = await ordered(shop)

    await work_off(shop.runtime)

    here = await now(shop, asked.reference)
    assert (here.state, here.received, here.cost_cents) == ("partial", 2, 9440)
    assert await pool(shop) == 2


async def test_nothing_is_ordered_twice_or_beyond_the_limits(shop: Shop) -> None:
    async with shop.runtime.database.master_session() as session:
        wanted = await service.want(session, shop.good_id)
        assert wanted is not None
        (offer,) = await service.choices(session, shop.good_id)
        await service.change_rules(
            session, Rules(order_cents=10_000, day_cents=10_000_000_00, lead_days=1, cover_days=7)
        )
        with pytest.raises(OverLimit):
            await service.order(session, wanted.reference, offer.id, 3)
        await service.change_rules(session, GENEROUS)
        await service.order(session, wanted.reference, offer.id, 3)
        assert await service.want(session, shop.good_id) is None
        with pytest.raises((OnItsWay, NotWanted)):
            await service.order(session, wanted.reference, offer.id, 3)


async def test_what_is_suggested_covers_sales_what_waits_and_the_level(shop: Shop) -> None:
    async with shop.runtime.database.master_session() as session:
        await service.watch(session, shop.good_id, Setting(warn_at=20), "tester")
        wanted = await service.want(session, shop.good_id, 4, "NO1", "short")
        again = await service.want(session, shop.good_id, 6, "NO2", "short")

    assert wanted is not None
    assert again is not None
    assert wanted.reference == again.reference
    assert (wanted.suggested, again.suggested) == (24, 30)
    assert again.orders == {"NO1": 4, "NO2": 6}


async def test_a_good_may_order_for_itself_up_to_its_maximum(shop: Shop, sandbox: Supplier) -> None:
    async with shop.runtime.database.master_session() as session:
        await service.watch(session, shop.good_id, Setting(warn_at=20, auto_units=5), "tester")
        wanted = await service.want(session, shop.good_id, 4, "NO1", "short")
        assert wanted is not None
        done = await service.order_by_itself(session, wanted)

    assert done is not None
    assert (done.state, done.quantity, done.made_by) == ("submitted", 5, "")


async def test_a_waiting_order_is_delivered_when_the_cards_come(
    runtime: Runtime, shop: Shop, sandbox: Supplier
) -> None:
    sandbox.goods({"sku": "steam-50", "name": "Steam 50", "cost": "47.20", "stock": 0})
    placed = await shop.buy(await shop.buyer(wallet_cents=12_000), quantity=2)
    await work_off(runtime)
    assert await shop.state(placed.no) == "waiting"
    async with shop.tenant.begin() as session:
        await station.want(session, shop.product_id, 2, placed.no, "short")
    await work_off(runtime)
    sandbox.goods({"sku": "steam-50", "name": "Steam 50", "cost": "47.20", "stock": 500})
    async with runtime.database.master_session() as session:
        wanted = await service.want(session, shop.good_id)
        assert wanted is not None
        (offer,) = await service.choices(session, shop.good_id)
        await service.order(session, wanted.reference, offer.id, 2, "tester")
        await session.execute(text("UPDATE offers SET state = 'paused' WHERE id = :id"), {"id": offer.id})

    for _ in range(3):
        await work_off(runtime)

    assert wanted.orders == {placed.no: 2}
    assert await shop.state(placed.no) == "delivered"
    assert len(await shop.keys(placed.id)) == 2
    assert await ledger_is_balanced(runtime)


async def test_a_person_settles_what_the_supplier_never_answers(shop: Shop, sandbox: Supplier) -> None:
    sandbox.stage({"kind": "timeout_before", "on": "buy"}, {"kind": "error", "on": "find"})
    asked = await ordered(shop, 2)
    with pytest.raises(Later):
        await ordering.advance(shop.runtime, asked.id)
    async with shop.runtime.database.master_session() as session:
        with pytest.raises(NotStuck):
            await ordering.settle(shop.runtime, session, asked.reference, Verdict())
        await session.execute(
            text("UPDATE replenishments SET submitted_at = now() - interval '1 hour' WHERE id = :id"), {"id": asked.id}
        )
        done = await ordering.settle(
            shop.runtime, session, asked.reference, Verdict((f"K-{ids.code(8)}", f"K-{ids.code(8)}"), 9_440)
        )

    assert (done.state, done.received) == ("received", 2)
    assert await pool(shop) == 2
