"""Sweepers: an order whose letter was lost ends, or goes on, all the same."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.orders import service, sweeping
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.orders import stall


async def lose_letters(shop: Shop) -> None:
    async with shop.runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM outbox WHERE tenant_id = :id"), {"id": shop.tenant.id})


async def later(shop: Shop, minutes: int) -> None:
    """As if so much time had passed."""
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE order_deadlines SET due_at = due_at - make_interval(mins => :m),"
                 " look_at = look_at - make_interval(mins => :m) WHERE tenant_id = :id"),
            {"m": minutes, "id": shop.tenant.id},
        )  # fmt: skip


async def letters(shop: Shop, order_id: UUID) -> int:
    async with shop.runtime.database.master_session() as session:
        found = await session.execute(
            text("SELECT count(*) FROM outbox WHERE payload->>'order_id' = :id AND follower LIKE '%buy_from_supplier'"),
            {"id": str(order_id)},
        )
        return int(found.scalar_one())


async def upstream(runtime: Runtime, **more: Any) -> Shop:
    return await open_shop(
        runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x", **more
    )  # fmt: skip


async def test_an_unpaid_order_without_a_letter_expires_and_frees_its_cards(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A"])
    placed = await stall.buy(shop, await shop.buyer(), pay=await stall.channel(shop))
    await lose_letters(shop)

    await sweeping.end_unpaid(runtime)
    assert await shop.state(placed.no) == "unpaid"
    await later(shop, 17)
    await sweeping.end_unpaid(runtime)

    assert await shop.state(placed.no) == "expired"
    assert await stall.master_count(shop, "card_pool") == 1


async def test_a_paid_order_without_a_letter_gets_one_and_only_one(runtime: Runtime) -> None:
    shop = await upstream(runtime)
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    assert await letters(shop, placed.id) == 1
    await later(shop, 2)
    await sweeping.send_paid(runtime)
    assert await letters(shop, placed.id) == 1
    await lose_letters(shop)

    for _ in range(2):
        await later(shop, 2)
        await sweeping.send_paid(runtime)

    assert await letters(shop, placed.id) == 1


async def test_a_waiting_order_is_paid_back_when_its_time_is_over(runtime: Runtime) -> None:
    shop = await upstream(runtime)
    buyer = await shop.buyer(wallet_cents=1_000)
    placed = await shop.buy(buyer)
    read = await stall.order(shop, placed.no)
    async with shop.tenant.begin() as session:
        await service.wait(session, read, "supplier_down")
    await later(shop, 23 * 60)
    await sweeping.end_waiting(runtime)
    assert await shop.state(placed.no) == "waiting"

    await later(shop, 2 * 60)
    await sweeping.end_waiting(runtime)

    assert await shop.state(placed.no) == "refunded"
    assert await shop.wallet_cents(buyer) == 1_000
    assert await ledger_is_balanced(runtime)


async def test_an_order_that_nobody_delivers_by_hand_is_paid_back_in_a_week(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime)
    await stall.change(shop, fulfilment="by_hand")
    buyer = await shop.buyer(wallet_cents=1_000)
    placed = await shop.buy(buyer)
    await later(shop, 6 * 24 * 60)
    await sweeping.end_waiting(runtime)
    assert await shop.state(placed.no) == "waiting"

    await later(shop, 2 * 24 * 60)
    await sweeping.end_waiting(runtime)

    assert await shop.state(placed.no) == "refunded"
    assert await shop.wallet_cents(buyer) == 1_000


async def test_an_order_that_a_supplier_may_yet_deliver_is_not_paid_back(runtime: Runtime) -> None:
    shop = await upstream(runtime)
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "INSERT INTO purchases (id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id,"
                " sku, quantity, max_unit_cost, state, lease_until) SELECT gen_random_uuid(), gen_random_uuid()::text,"
                " :tenant, :order, 'x', o.good_id, o.id, o.supplier_id, 'x', 1, 9, 'unknown', now()"
                " FROM offers o WHERE o.good_id = :good"
            ),
            {"tenant": shop.tenant.id, "order": placed.id, "good": shop.good_id},
        )
    await lose_letters(shop)

    await later(shop, 25 * 60)
    await sweeping.send_paid(runtime)

    assert await shop.state(placed.no) == "paid"
    assert await letters(shop, placed.id) == 1


async def test_cards_held_for_no_order_are_for_sale_again(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    kept = await stall.buy(shop, await shop.buyer(), pay=await stall.channel(shop))
    await stall.buy(shop, await shop.buyer(), pay=await stall.channel(shop))
    async with runtime.database.master_session() as session:
        await session.execute(
            text("DELETE FROM order_deadlines WHERE tenant_id = :t AND order_ref <> :kept"),
            {"t": shop.tenant.id, "kept": kept.id},
        )
        await session.execute(text("UPDATE card_held SET held_at = held_at - interval '11 minutes'"))

    await sweeping.free_held(runtime)

    assert (await stall.master_count(shop, "card_pool"), await stall.master_count(shop, "card_held")) == (1, 1)
