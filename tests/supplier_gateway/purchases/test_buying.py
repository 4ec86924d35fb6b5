"""Orders that a supplier delivers over real HTTP, with everything that goes wrong there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from billing.ledger.errors import UnderWay
from kameng.infra.runtime import Runtime
from tenants.orders import service as orders
from tenants.orders.states import State
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.processes import free_port
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier

SKU = "steam-50"


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def shop(runtime: Runtime, supplier: Supplier) -> Shop:
    supplier.stage()
    return await shop_buying_at(runtime, supplier.url)


async def shop_buying_at(runtime: Runtime, url: str, **more: object) -> Shop:
    return await open_shop(
        runtime,
        price="60.00",
        wholesale_price="55.00",
        supplier_url=url,
        supplier_sku=SKU,
        supplier_cost="50.00",
        supplier_secret=SUPPLIER_SECRET,
        **more,  # type: ignore[arg-type]  # passed through to open_shop
    )


async def references(runtime: Runtime, order_id: object) -> list[str]:
    """Our references of an order's purchases, in the order in which they were made."""
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text("SELECT reference FROM purchases WHERE order_ref = :order ORDER BY id"), {"order": order_id}
        )
        return [row.reference for row in rows]


async def let_time_pass(runtime: Runtime, order_id: object, seconds: float) -> None:
    """As if the order's purchases had been submitted so long ago."""
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE purchases SET created_at = created_at - make_interval(secs => :s),"
                " lease_until = lease_until - make_interval(secs => :s) WHERE order_ref = :order"
            ),
            {"order": order_id, "s": seconds},
        )
        await session.execute(text("UPDATE outbox SET due_at = now() WHERE true"))


async def test_a_good_that_is_not_in_stock_is_bought_and_delivered(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=12_000), quantity=2)
    assert placed.state is State.PAID

    await work_off(runtime)
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    (bought,) = supplier.orders_by(await references(runtime, placed.id))
    assert await shop.keys(placed.id) == bought["cards"]
    assert len(bought["cards"]) == 2
    async with runtime.database.master_session() as session:
        cost = await session.execute(
            text(
                "SELECT sum(e.amount_cents) FROM ledger_transfers t JOIN ledger_entries e ON e.transfer_id = t.id"
                " JOIN ledger_accounts a ON a.id = e.account_id WHERE t.ref = :ref AND a.kind = 'supplier_cost'"
            ),
            {"ref": bought["reference"]},
        )
        assert cost.scalar_one() == bought["cost_cents"]
    assert await ledger_is_balanced(runtime)


async def test_a_timeout_after_success_is_one_purchase_and_one_delivery(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    supplier.stage({"kind": "timeout_after_success", "on": "buy"})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    (bought,) = supplier.orders_by(await references(runtime, placed.id))
    assert bought["requests"] == 1
    assert await shop.keys(placed.id) == bought["cards"]


async def test_a_timeout_with_a_silent_supplier_stays_unknown_until_it_answers(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    supplier.stage({"kind": "timeout_after_success", "on": "buy"}, {"kind": "error", "on": "find"})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)
    assert await shop.state(placed.no) == "waiting"
    with pytest.raises(UnderWay):
        async with shop.tenant.begin() as session:
            await orders.refund(session, placed.no)

    await work_off(runtime)
    assert await shop.state(placed.no) == "delivered"
    assert len(supplier.orders_by(await references(runtime, placed.id))) == 1


async def test_a_timeout_before_success_is_bought_again_only_when_it_can_no_longer_take_effect(
    runtime: Runtime, shop: Shop, supplier: Supplier
) -> None:
    supplier.stage({"kind": "timeout_before", "on": "buy"})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)
    assert await shop.state(placed.no) == "waiting"
    assert len(await references(runtime, placed.id)) == 1
    await let_time_pass(runtime, placed.id, 1)
    await work_off(runtime)
    assert len(await references(runtime, placed.id)) == 1  # too early to buy again

    await let_time_pass(runtime, placed.id, 60)
    await work_off(runtime)
    await let_time_pass(runtime, placed.id, 5)
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    made = await references(runtime, placed.id)
    assert len(made) == 2
    assert [order["reference"] for order in supplier.orders_by(made)] == made[1:]


@pytest.mark.parametrize("kind", ["error", "html"])
async def test_an_answer_that_cannot_be_read_is_unknown_and_never_bought_twice(
    runtime: Runtime, shop: Shop, supplier: Supplier, kind: str
) -> None:
    supplier.stage({"kind": kind, "on": "buy"})
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))

    await work_off(runtime)
    await work_off(runtime)

    assert await shop.state(placed.no) == "waiting"
    assert len(await references(runtime, placed.id)) == 1


async def test_a_supplier_that_is_down_makes_the_order_wait_and_back_up_delivers_it(runtime: Runtime) -> None:
    port = free_port()
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{port}")
    buyer = await shop.buyer(wallet_cents=6_000)
    placed = await shop.buy(buyer)

    await work_off(runtime)
    assert await shop.state(placed.no) == "waiting"
    async with shop.tenant.begin() as session:
        told = await session.execute(text("SELECT kind, subject, detail FROM notices"))
        assert told.one() == ("order_waits", placed.no, {"reason": "supplier_down"})

    with running_supplier(port) as supplier:
        await let_time_pass(runtime, placed.id, 5)
        await work_off(runtime)
        assert await shop.state(placed.no) == "delivered"
        assert len(supplier.orders_by(await references(runtime, placed.id))) == 1
    assert len(await shop.keys(placed.id)) == 1


async def test_a_waiting_order_is_delivered_from_stock_that_comes_in(runtime: Runtime) -> None:
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{free_port()}", keys=["FIRST"])
    first = await shop.buy(await shop.buyer(wallet_cents=6_000))
    second = await shop.buy(await shop.buyer(wallet_cents=6_000))
    await work_off(runtime)
    assert (first.state, await shop.state(second.no)) == (State.DELIVERED, "waiting")

    await shop.add_keys(["SECOND"])
    await let_time_pass(runtime, second.id, 5)
    await work_off(runtime)

    assert await shop.keys(second.id) == ["SECOND"]
    assert await ledger_is_balanced(runtime)


async def test_a_refunded_order_gives_all_money_back_and_is_never_delivered(runtime: Runtime) -> None:
    port = free_port()
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{port}", deposit_cents=10_000)
    buyer = await shop.buyer(wallet_cents=6_000)
    placed = await shop.buy(buyer)
    await work_off(runtime)

    async with shop.tenant.begin() as session:
        await orders.refund(session, placed.no, "no supplier")
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (6_000, 10_000)

    with running_supplier(port) as supplier:
        await let_time_pass(runtime, placed.id, 5)
        await work_off(runtime)
        assert supplier.orders() == []
    assert await shop.state(placed.no) == "refunded"
    assert await ledger_is_balanced(runtime)


async def test_a_follower_that_runs_twice_delivers_once(runtime: Runtime, shop: Shop, supplier: Supplier) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=6_000))
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "INSERT INTO outbox (id, tenant_id, follower, payload, due_at)"
                " SELECT gen_random_uuid(), tenant_id, follower, payload, due_at FROM outbox WHERE tenant_id = :t"
            ),
            {"t": shop.tenant.id},
        )

    await work_off(runtime)
    await work_off(runtime)

    (bought,) = supplier.orders_by(await references(runtime, placed.id))
    assert await shop.keys(placed.id) == bought["cards"]


async def test_an_order_that_cannot_be_delivered_for_a_day_is_refunded_by_itself(runtime: Runtime) -> None:
    shop = await shop_buying_at(runtime, f"http://127.0.0.1:{free_port()}", deposit_cents=10_000)
    buyer = await shop.buyer(wallet_cents=6_000)
    placed = await shop.buy(buyer)
    await work_off(runtime)
    async with shop.tenant.begin() as session:
        day = "created_at = created_at - interval '25 hours', due_at = due_at - interval '25 hours'"
        await session.execute(text(f"UPDATE orders SET {day}"))  # noqa: S608 - the line above

    await let_time_pass(runtime, placed.id, 5)
    await work_off(runtime)

    assert await shop.state(placed.no) == "refunded"
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (6_000, 10_000)
