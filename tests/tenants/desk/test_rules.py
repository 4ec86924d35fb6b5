"""Exceptions that rules handle, without a person."""

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.desk import rule_book
from tenants.desk.conditions import Condition
from tenants.desk.rule_book import RuleDraft
from tenants.desk.states import Action
from tenants.orders import queries as orders
from tenants.orders import service
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.tenants.desk.steps import case_of, make_due, rows, short_shop, waiting


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await short_shop(runtime)


async def told(shop: Shop, no: str) -> list[str]:
    found = await rows(
        shop,
        "SELECT body FROM order_messages m JOIN orders o ON o.id = m.order_id WHERE o.no = :no ORDER BY m.sent_at",
        no=no,
    )
    return [row.body for row in found]


async def test_a_short_stock_order_calms_its_buyer_at_once_and_once(shop: Shop) -> None:
    placed = await waiting(shop)
    async with shop.tenant.begin() as session:
        order = await orders.order(session, placed.id)
        await service.wait(session, order, "supplier_down")
        await service.wait(session, await orders.order(session, placed.id), "out_of_stock")
    await work_off(shop.runtime)

    said = await told(shop, placed.no)

    assert len([one for one in said if placed.no in one]) == 2, "one for each kind of exception"
    kinds = await rows(shop, "SELECT kind FROM desk_cases WHERE order_no = :no ORDER BY kind", no=placed.no)
    assert [row.kind for row in kinds] == ["short_stock", "supplier_failure"]


async def test_a_case_closes_by_itself_when_its_order_is_final(shop: Shop) -> None:
    placed = await waiting(shop)
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await service.deliver(session, sealer, placed.id, ["K-1"])
    await work_off(shop.runtime)

    case = await case_of(shop, placed.no)

    assert (case.state, case.solution, case.solved_by, case.touched_at) == ("solved", "delivered", "", None)


async def test_a_refund_rule_gives_the_money_back_in_its_time_up_to_its_limit(shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        draft = RuleDraft(
            name="back", condition=Condition(kinds=["short_stock"]), action=Action.REFUND, after_minutes=5,
            most_cents=1_000,
        )  # fmt: skip
        rule = await rule_book.add(session, draft)
        await rule_book.switch(session, rule.id, on=True)
    placed = await waiting(shop)
    assert await shop.state(placed.no) == "waiting"

    await make_due(shop)
    await work_off(shop.runtime)

    assert await shop.state(placed.no) == "refunded"
    assert (await case_of(shop, placed.no)).solution == "refunded"
    assert await ledger_is_balanced(shop.runtime)


async def test_a_refund_beyond_the_limit_of_the_rule_is_left_to_a_person(shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        draft = RuleDraft(name="back", condition=Condition(kinds=["short_stock"]), action=Action.REFUND, most_cents=999)
        rule = await rule_book.add(session, draft)
        await rule_book.switch(session, rule.id, on=True)

    placed = await waiting(shop)

    assert await shop.state(placed.no) == "waiting"
    (line,) = await rows(shop, "SELECT result FROM desk_lines WHERE act = 'refund'")
    assert line.result == "too_much"
    assert (await rows(shop, "SELECT person_at <= now() AS wanted FROM desk_cases"))[0].wanted


async def test_an_order_nobody_paid_in_time_tells_its_buyer_and_costs_nobody_anything(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K-1"])
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    async with shop.tenant.begin() as session:
        await session.execute(
            text("UPDATE orders SET state = 'unpaid', paid_at = NULL, delivered_at = NULL, delivered_quantity = 0")
        )
        await service.expire(session, placed.id, "not_paid")
    await work_off(runtime)

    case = await case_of(shop, placed.no)

    assert (case.kind, case.state, case.has_money) == ("payment_timeout", "solved", False)
    assert (
        "you have not been charged" in (await told(shop, placed.no))[0] or "未扣款" in (await told(shop, placed.no))[0]
    )
