"""The table of states: every edge can be gone once, and nothing else can be done to an order."""

from collections.abc import Awaitable, Callable
from itertools import product

import pytest
from sqlalchemy import text

from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.orders import diagram, service
from tenants.orders.service import Placed
from tenants.orders.states import EDGES, FINAL, State
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.orders import stall

Step = Callable[[Shop, Placed], Awaitable[object]]


async def charge(shop: Shop, order: Placed) -> object:
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return await service.charge(session, vault, order.no)


async def wait(shop: Shop, order: Placed) -> object:
    read = await stall.order(shop, order.no)
    async with shop.tenant.begin() as session:
        await service.wait(session, read, "supplier_down")
    return None


async def deliver_all(shop: Shop, order: Placed) -> object:
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return await service.deliver(session, sealer, order.id, [f"{order.no}-{n}" for n in range(2)])


async def end_with_a_part(shop: Shop, order: Placed) -> object:
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await service.deliver(session, sealer, order.id, [f"{order.no}-0"])
        return await service.end_part(session, order.id, "not_delivered")


async def refund(shop: Shop, order: Placed) -> object:
    async with shop.tenant.begin() as session:
        return await service.refund(session, order.no)


async def expire(shop: Shop, order: Placed) -> object:
    async with shop.tenant.begin() as session:
        return await service.expire(session, order.id, "not_paid")


async def cancel(shop: Shop, order: Placed) -> object:
    async with shop.tenant.begin() as session:
        return await service.cancel(session, order.id, "")


# What takes an order to each state, and from where it can: only `charge` makes a paid one of an unpaid.
STEPS: dict[State, tuple[Step, frozenset[State]]] = {
    State.PAID: (charge, frozenset({State.UNPAID})),
    State.WAITING: (wait, frozenset({State.PAID})),
    State.DELIVERED: (deliver_all, frozenset({State.PAID, State.WAITING})),
    State.PARTIAL: (end_with_a_part, frozenset({State.PAID, State.WAITING})),
    State.EXPIRED: (expire, frozenset({State.UNPAID})),
    State.CANCELLED: (cancel, frozenset({State.UNPAID})),
    State.REFUNDED: (refund, frozenset({State.PAID, State.WAITING})),
}
WAY: dict[State, list[State]] = {
    State.UNPAID: [],
    State.EXPIRED: [State.EXPIRED],
    State.CANCELLED: [State.CANCELLED],
    **{state: [State.PAID, state] for state in (State.WAITING, State.DELIVERED, State.PARTIAL, State.REFUNDED)},
    State.PAID: [State.PAID],
}


async def order_in(shop: Shop, state: State) -> Placed:
    """An order of two units that has come to `state` on its way."""
    buyer = await shop.buyer(wallet_cents=2_000)
    placed = await stall.buy(shop, buyer, 2, pay=await stall.channel(shop))
    for step in WAY[state]:
        await STEPS[step][0](shop, placed)
    assert await shop.state(placed.no) == state
    return placed


async def seen(shop: Shop, order: Placed) -> tuple[object, ...]:
    """All that a second time must not change."""
    now = await stall.order(shop, order.no)
    return (
        now.state, now.delivered_quantity, now.refunded_cents, now.wholesale_back_cents,
        await shop.wallet_cents(now.buyer_id), await shop.deposit_cents(), await shop.keys(order.id),
        await stall.count(shop, "SELECT count(*) FROM order_events"),
        await stall.count(shop, "SELECT count(*) FROM order_deadlines"),
    )  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(product(State, STEPS)), ids=str)
async def test_each_step_is_gone_once_and_only_along_an_edge(runtime: Runtime, source: State, target: State) -> None:
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    placed = await order_in(shop, source)
    before = await seen(shop, placed)
    step, sources = STEPS[target]

    after = before
    for _ in range(2):
        try:
            await step(shop, placed)
        except KamengError:
            assert source not in sources or (await seen(shop, placed))[0] == target
        after = await seen(shop, placed)
        if source in sources:
            assert target in EDGES[source]
            assert after[0] == target
            before = after if before[0] != target else before
        assert after == before
    assert (await stall.count(shop, "SELECT count(*) FROM order_deadlines")) == (after[0] not in FINAL)
    assert await ledger_is_balanced(runtime)


async def test_the_database_knows_the_same_states(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    async with shop.tenant.begin() as session:
        row = await session.execute(
            text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'orders_state_check'"
                 " AND conrelid = CAST('orders' AS regclass)")
        )  # fmt: skip
        said = row.scalar_one()
    assert {state for state in State if f"'{state}'" in said} == set(State)


def test_the_drawing_in_the_documents_is_the_table_in_the_code() -> None:
    document = diagram.DOCUMENT.read_text(encoding="utf-8")

    assert diagram.drawn_into(document) == document
