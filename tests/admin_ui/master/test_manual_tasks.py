"""A person as a supplier: orders wait for him at the master, and what he types reaches the buyer."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from supplier_gateway.adapters.manual.client import ManualAdapter
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.offers import service as offers
from supplier_gateway.port import Answer, Fault, Order, Outcome
from supplier_gateway.suppliers import service as suppliers
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.staff_client import StaffClient, error_at, text_of


async def by_hand(runtime: Runtime) -> tuple[int, ManualAdapter]:
    """A supplier who is a person, and his adapter."""
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        supplier = await suppliers.add(session, sealer, f"person {ids.code(8)}", "manual")
    adapter = await suppliers.adapter_of(runtime, supplier)
    assert isinstance(adapter, ManualAdapter)
    return supplier.id, adapter


def wanted(quantity: int = 2, kind: str = "cards", **inputs: str) -> Order:
    return Order(f"KM{ids.code(20)}", "by hand", quantity, Decimal("9.50"), kind, inputs)


async def task_of(runtime: Runtime, reference: str) -> int:
    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT id FROM manual_tasks WHERE reference = :r"), {"r": reference})
        return int(found.scalar_one())


def stands(answer: Answer) -> tuple[Outcome, Fault | None]:
    return answer.outcome, answer.fault


async def deliver(operator: StaffClient, task: int, **fields: Any) -> Any:
    await operator.get(f"/manual-tasks/{task}")
    return await operator.post(f"/manual-tasks/{task}/deliveries", **fields)


async def test_an_order_waits_for_a_person_and_his_cards_reach_the_buyer(
    runtime: Runtime, operator: StaffClient
) -> None:
    shop = await open_shop(runtime)
    supplier_id, _ = await by_hand(runtime)
    async with runtime.database.master_session() as session:
        await offers.add(session, shop.good_id, supplier_id, Decimal("6.00"), sku="X-1")
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)
    await work_off(runtime)
    assert await shop.state(placed.no) == "waiting"
    keys = [ids.code(12), ids.code(12)]

    queue = await operator.get("/manual-tasks?state=open")
    reference = await reference_of(runtime, placed.id)
    task = await task_of(runtime, reference)
    assert reference in text_of(queue)
    answer = await deliver(operator, task, lines="\r\n".join(keys), cost="12.00")

    assert answer.status_code == 303
    await let_time_pass(runtime, placed.id)
    assert await shop.state(placed.no) == "delivered"
    assert await shop.keys(placed.id) == keys
    assert await ledger_is_balanced(runtime)
    assert await audited(runtime, "manual_tasks.deliver", str(task))
    page = await operator.get(f"/manual-tasks/{task}")
    assert placed.no in page.text
    assert not any(key in page.text for key in keys)


async def reference_of(runtime: Runtime, order: object) -> str:
    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT reference FROM purchases WHERE order_ref = :o"), {"o": order})
        return str(found.scalar_one())


async def let_time_pass(runtime: Runtime, order: object) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE purchases SET lease_until = now() - interval '1 second' WHERE order_ref = :o"), {"o": order}
        )
        await session.execute(text("UPDATE outbox SET due_at = now() WHERE true"))
    await work_off(runtime)


async def test_a_repeat_is_the_first_task_and_what_was_never_asked_for_is_not_there(runtime: Runtime) -> None:
    _, adapter = await by_hand(runtime)
    order = wanted()

    first, again = await adapter.buy(order), await adapter.buy(order)

    assert first == again
    assert stands(first) == (Outcome.PENDING, None)
    assert stands(await adapter.find("KM-NEVER")) == (Outcome.FAILED, Fault.NOT_FOUND)
    _, stranger = await by_hand(runtime)
    assert stands(await stranger.find(order.reference)) == (Outcome.FAILED, Fault.NOT_FOUND)
    assert PROTOCOLS["manual"].idempotent


async def test_a_part_is_delivered_when_no_more_will_come(runtime: Runtime, operator: StaffClient) -> None:
    _, adapter = await by_hand(runtime)
    order = wanted(3)
    await adapter.buy(order)
    task = await task_of(runtime, order.reference)
    cards = [ids.code(9), ids.code(9)]

    unsure = await deliver(operator, task, lines="\n".join(cards), cost="19")
    assert (unsure.status_code, "no more will come" in error_at(unsure, "lines")) == (422, True)
    assert cards[0] in unsure.text  # what was typed stays
    assert (await deliver(operator, task, lines="\n".join(cards), cost="19", in_part="yes")).status_code == 303

    answer = await adapter.find(order.reference)
    assert stands(answer) == (Outcome.PARTIAL, None)
    assert (answer.cards, answer.cost_cents, answer.delivered_quantity) == (tuple(cards), 1900, 2)


@pytest.mark.parametrize(
    ("lines", "cost", "field", "said"),
    [
        ("", "1", "lines", "Fill this in"),
        ("A\nB\nC", "1", "lines", "These are 3; the order is for 2"),
        ("A\n A ", "1", "lines", "Line 2 is the same as line 1"),
        ("A\nB", "19.01", "cost", "At most ¥19.00"),
        ("A\nB", "-1", "cost", ""),
        ("A\nB", "", "cost", ""),
        ("A\n" + "x" * 4001, "1", "lines", "Line 2 is too long"),
    ],
)
async def test_what_cannot_be_delivered_is_said_at_its_field_and_nothing_is(
    runtime: Runtime, operator: StaffClient, lines: str, cost: str, field: str, said: str
) -> None:
    _, adapter = await by_hand(runtime)
    order = wanted()
    await adapter.buy(order)

    answer = await deliver(operator, await task_of(runtime, order.reference), lines=lines, cost=cost)

    assert answer.status_code == 422
    assert error_at(answer, field)
    assert said in error_at(answer, field)
    assert stands(await adapter.find(order.reference)) == (Outcome.PENDING, None)


async def test_a_key_that_somebody_has_is_refused_at_its_line(runtime: Runtime, operator: StaffClient) -> None:
    key = ids.code(12)
    shop = await open_shop(runtime, keys=[key])
    supplier_id, _ = await by_hand(runtime)
    async with runtime.database.master_session() as session:
        await offers.add(session, shop.good_id, supplier_id, Decimal("6.00"), sku="X-1")
    await shop.buy(await shop.buyer(wallet_cents=1_000))
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    await work_off(runtime)
    task = await task_of(runtime, await reference_of(runtime, placed.id))

    answer = await deliver(operator, task, lines=key, cost="6")

    assert "Line 1 was sold before" in error_at(answer, "lines")


async def test_a_topup_shows_the_account_and_needs_no_cards(runtime: Runtime, operator: StaffClient) -> None:
    _, adapter = await by_hand(runtime)
    order = wanted(30, "topup", **{"QQ 号": "10001"})
    await adapter.buy(order)
    task = await task_of(runtime, order.reference)

    assert "QQ 号 10001" in text_of(await operator.get(f"/manual-tasks/{task}"))
    assert (await deliver(operator, task, units="30", cost="28.50", message="已到账")).status_code == 303

    answer = await adapter.find(order.reference)
    assert stands(answer) == (Outcome.DELIVERED, None)
    assert (answer.cards, answer.delivered_quantity, answer.message) == ((), 30, "已到账")


async def test_what_cannot_be_delivered_fails_with_a_reason(runtime: Runtime, operator: StaffClient) -> None:
    _, adapter = await by_hand(runtime)
    order = wanted()
    await adapter.buy(order)
    task = await task_of(runtime, order.reference)
    await operator.get(f"/manual-tasks/{task}")

    assert (await operator.post(f"/manual-tasks/{task}/failures", reason="")).status_code == 422
    assert (await operator.post(f"/manual-tasks/{task}/failures", reason="号码停机")).status_code == 303

    answer = await adapter.find(order.reference)
    assert (stands(answer), answer.detail) == ((Outcome.FAILED, Fault.REFUSED), "号码停机")
    late = await operator.follow(await deliver(operator, task, lines="A\nB", cost="1"))
    assert "settled already" in text_of(late) or "settled already" in late.text
    assert stands(await adapter.find(order.reference)) == (Outcome.FAILED, Fault.REFUSED)


async def test_a_task_that_somebody_has_taken_is_his_until_he_gives_it_back_or_half_an_hour_is_over(
    runtime: Runtime, operator: StaffClient
) -> None:
    _, adapter = await by_hand(runtime)
    order = wanted(1)
    await adapter.buy(order)
    task = await task_of(runtime, order.reference)
    await taken_by(runtime, task, "王小明", minutes=5)

    page = await operator.follow(await deliver(operator, task, lines="A", cost="1"))
    assert "王小明 is at this task" in page.text
    assert stands(await adapter.find(order.reference)) == (Outcome.PENDING, None)
    await taken_by(runtime, task, "王小明", minutes=31)
    await operator.follow(await operator.post(f"/manual-tasks/{task}/claim"))
    assert (await deliver(operator, task, lines=ids.code(9), cost="1")).status_code == 303


async def taken_by(runtime: Runtime, task: int, person: str, minutes: int) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE manual_tasks SET claimed_by = :person, claimed_at = now() - make_interval(mins => :minutes)"
                " WHERE id = :id"
            ),
            {"id": task, "person": person, "minutes": minutes},
        )


async def test_a_station_sees_nothing_of_it(shop: Shop, sign_in: SignIn) -> None:
    owner = await sign_in(shop.tenant, Role.OWNER)

    assert (await owner.get("/manual-tasks")).status_code == 404
