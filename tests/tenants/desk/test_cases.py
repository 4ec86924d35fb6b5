"""What becomes a case, and what a buyer can do about it himself."""

import re

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.orders import queries, service
from tenants.orders.states import State
from tests.support.browser_client import OpenBrowser, browser
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.tenants.aftersale.steps import open_ticket
from tests.tenants.desk.steps import case_of, rows, short_shop, waiting

__all__ = ["browser"]


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await short_shop(runtime)


async def set_desk(shop: Shop, **settings: object) -> None:
    async with shop.tenant.begin() as session:
        for name, value in settings.items():
            await session.execute(
                text(
                    "UPDATE room_settings SET settings = settings || jsonb_build_object(CAST(:n AS text), :v ::int)"
                    " WHERE room = 'desk'"
                ),
                {"n": name, "v": value},
            )


async def test_a_ticket_about_a_wrong_account_is_a_case_for_a_person_at_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K-1"])
    buyer = await shop.buyer(wallet_cents=1_000)
    placed = await shop.buy(buyer)
    await open_ticket(shop, buyer, order_no=placed.no, order_id=placed.id, kind="wrong_account")
    await work_off(runtime)

    case = await case_of(shop, placed.no)

    assert (case.kind, case.cause, case.state) == ("wrong_input", "ticket", "open")
    assert case.person_at == case.opened_at
    (notice,) = await rows(shop, "SELECT subject FROM notices WHERE kind = 'case_opened'")
    assert notice.subject == placed.no


async def test_many_orders_of_one_buyer_within_an_hour_are_shown_to_a_person(shop: Shop, runtime: Runtime) -> None:
    await set_desk(shop, fraud_orders=3)
    buyer = await shop.buyer(wallet_cents=5_000)
    placed = [await shop.buy(buyer) for _ in range(2)]
    await work_off(runtime)
    assert not await rows(shop, "SELECT id FROM desk_cases WHERE kind = 'fraud'")

    placed.append(await shop.buy(buyer))
    await work_off(runtime)

    (case,) = await rows(shop, "SELECT order_no, cause FROM desk_cases WHERE kind = 'fraud'")
    assert (case.order_no, case.cause) == (placed[-1].no, "many_of_contact")


async def test_what_a_supplier_has_not_told_for_two_minutes_is_a_case_and_not_before(shop: Shop) -> None:
    placed = await waiting(shop, "checking")
    assert not await rows(shop, "SELECT id FROM desk_cases")
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET paid_at = paid_at - interval '2 minutes'"))
    async with shop.runtime.database.master_session() as session:
        await session.execute(text("UPDATE outbox SET due_at = now() WHERE follower LIKE '%watch_waiting'"))

    await work_off(shop.runtime)

    assert (await case_of(shop, placed.no)).kind == "unknown"


async def test_money_that_comes_after_the_order_has_ended_is_told_to_its_buyer(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K-1"])
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET state = 'unpaid', paid_at = NULL, delivered_at = NULL,"
                                   " delivered_quantity = 0"))  # fmt: skip
        await service.expire(session, placed.id, "money_in_wallet")

    await work_off(runtime)

    case = await case_of(shop, placed.no)
    assert (case.kind, case.cause, case.has_money, case.state) == ("payment_timeout", "not_charged", True, "solved")


async def test_the_buyer_takes_what_is_offered_with_one_press(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await short_shop(runtime)
    buyer = browser(shop.tenant)
    await buyer.register()
    async with shop.tenant.begin() as session:
        who = (await session.execute(text("SELECT id FROM buyers"))).scalar_one()
        await session.execute(text("SELECT post_topup('one', 'test', CAST(:b AS text), 1000)"), {"b": str(who)})
        other = (
            await session.execute(
                text("INSERT INTO products (name, price, fulfilment) VALUES ('季卡', 9, 'by_hand') RETURNING id")
            )
        ).scalar_one()
        await session.execute(
            text("UPDATE products SET equivalents = ARRAY[:o ::bigint] WHERE id = :p"),
            {"p": shop.product_id, "o": other},
        )
        await session.execute(text("UPDATE desk_rules SET after_minutes = 0 WHERE ready = 'offer_short'"))
    placed = await shop.buy(who)
    async with shop.tenant.begin() as session:
        await service.wait(session, await queries.order(session, placed.id), "out_of_stock")
    async with runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM outbox WHERE follower LIKE '%buy_from_supplier'"))
    await work_off(runtime)
    page = await buyer.get(f"/orders/{placed.no}")
    assert "季卡 for ¥9.00, at once." in page.text
    assert "From the shop" in page.text

    answer = await buyer.post(
        f"/orders/{placed.no}/swap",
        {"swap_id": re.findall(r'name="swap_id" value="([^"]+)"', page.text)[0], "answer": "take"},
    )

    assert answer.status_code == 303
    new_no = answer.headers["location"].removeprefix("/orders/")
    assert new_no != placed.no
    (new,) = await rows(shop, "SELECT product_name, total_cents, state FROM orders WHERE no = :no", no=new_no)
    assert (new.product_name, new.total_cents, new.state) == ("季卡", 900, State.WAITING)
    assert await shop.state(placed.no) == "refunded"
    assert await shop.wallet_cents(who) == 100
    assert await ledger_is_balanced(runtime)
