"""Deliveries in parts, and the money for what never came."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text

from kameng.cards import service as cards
from kameng.infra.runtime import Runtime
from tenants.orders import queries, service
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.orders import stall


async def upstream(runtime: Runtime, price: str = "10.00", wholesale: str = "8.00") -> Shop:
    return await open_shop(
        runtime, price=price, wholesale_price=wholesale, supplier_url="http://127.0.0.1:9", supplier_sku="x",
        supplier_secret="x",
    )  # fmt: skip


async def supplied(shop: Shop, order_id: object, quantity: int, had: int) -> None:
    """What the gateway writes down when a supplier has delivered a part."""
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text(
                "INSERT INTO purchases (id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id,"
                " sku, quantity, delivered_quantity, max_unit_cost, state, lease_until)"
                " SELECT gen_random_uuid(), gen_random_uuid()::text, :tenant, :order, 'x', o.good_id, o.id,"
                " o.supplier_id, 'x', :quantity, :had, 9, 'partial', now() FROM offers o WHERE o.good_id = :good"
            ),
            {"tenant": shop.tenant.id, "order": order_id, "quantity": quantity, "had": had, "good": shop.good_id},
        )


@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quantity=st.integers(2, 10), data=st.data())
async def test_the_money_for_what_never_came_goes_back_to_the_cent_and_once(
    runtime: Runtime, quantity: int, data: st.DataObject
) -> None:
    had = data.draw(st.integers(1, quantity - 1))
    shop = await upstream(runtime, price="3.3333", wholesale="2.7777")
    buyer, before = await shop.buyer(wallet_cents=5_000), await shop.deposit_cents()
    placed = await shop.buy(buyer, quantity)
    order = await stall.order(shop, placed.no)
    await supplied(shop, placed.id, quantity, had)
    sealer = await runtime.keyring.tenant(shop.tenant.id)

    for _ in range(2):
        async with shop.tenant.begin() as session:
            await service.deliver(session, sealer, placed.id, [f"P{n}" for n in range(had)])
            await service.end_part(session, placed.id, "not_delivered")

    ended = await stall.order(shop, placed.no)
    kept = order.total_cents - ended.refunded_cents
    assert (ended.state, ended.delivered_quantity) == ("partial", had)
    assert abs(kept - order.total_cents * had / quantity) <= 0.5
    assert await shop.wallet_cents(buyer) == 5_000 - kept
    paid = order.wholesale_cents - ended.wholesale_back_cents
    assert abs(paid - order.wholesale_cents * had / quantity) <= 0.5
    assert await shop.deposit_cents() == before - paid
    assert kept >= paid
    assert await ledger_is_balanced(runtime)


async def test_a_station_that_lies_about_what_came_has_no_wholesale_price_back(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    buyer = await shop.buyer(wallet_cents=2_000)
    placed, before = await shop.buy(buyer, 2), await shop.deposit_cents()

    async with shop.tenant.begin() as session:
        given_back = await session.execute(text("SELECT * FROM reverse_part(:id, 1000000, 0)"), {"id": placed.id})
        assert given_back.one() == (2_000, 0)

    assert await shop.deposit_cents() == before


async def test_the_rest_comes_from_stock_that_has_come_in(runtime: Runtime) -> None:
    shop = await upstream(runtime)
    placed = await shop.buy(await shop.buyer(wallet_cents=3_000), 3)
    await supplied(shop, placed.id, 3, 1)
    vault = await runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await service.deliver(session, vault.tenant, placed.id, ["FROM-SUPPLIER"])
    async with runtime.database.master_session() as session:
        await session.execute(
            text("INSERT INTO suppliers (name, protocol) VALUES (:name, 'stock')"), {"name": f"own {placed.no}"}
        )
        await session.execute(
            text("INSERT INTO offers (good_id, supplier_id, cost) SELECT :g, id, 5 FROM suppliers WHERE name = :name"),
            {"g": shop.good_id, "name": f"own {placed.no}"},
        )
        await cards.add(session, vault.master, shop.good_id, ["S-1", "S-2", "S-3"], 500)

    async with shop.tenant.begin() as session:
        order = await queries.order_by_no(session, placed.no)
        assert await service.deliver_from_stock(session, vault, order)

    assert sorted(await shop.keys(placed.id)) == ["FROM-SUPPLIER", "S-1", "S-2"]
    assert await shop.state(placed.no) == "delivered"
    assert await ledger_is_balanced(runtime)


async def test_a_topup_told_twice_of_the_same_purchase_counts_once(runtime: Runtime) -> None:
    shop = await upstream(runtime)
    await stall.change(shop, kind="topup")
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), 2)
    sealer = await runtime.keyring.tenant(shop.tenant.id)

    for source in ("KM-1", "KM-1", "KM-2"):
        async with shop.tenant.begin() as session:
            await service.deliver(session, sealer, placed.id, [], message="已到账", units=1, source=source)
        assert (await stall.order(shop, placed.no)).delivered_quantity == (2 if source == "KM-2" else 1)

    assert await shop.state(placed.no) == "delivered"


async def test_what_staff_deliver_for_the_master_costs_no_deposit(runtime: Runtime) -> None:
    shop = await upstream(runtime)
    before = await shop.deposit_cents()
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    sealer = await runtime.keyring.tenant(shop.tenant.id)

    async with shop.tenant.begin() as session:
        await service.deliver_by_hand(session, sealer, placed.no, ["MINE"], "阿站")

    order = await stall.order(shop, placed.no)
    assert (order.state, order.refunded_cents, order.wholesale_back_cents) == ("delivered", 0, 800)
    assert await shop.deposit_cents() == before


@pytest.mark.parametrize("ends", ["delivered", "refunded"])
async def test_a_sale_whose_money_the_master_took_is_charged_to_what_it_collected(runtime: Runtime, ends: str) -> None:
    shop = await upstream(runtime)
    buyer, deposit = await shop.buyer(), await shop.deposit_cents()
    channel = await stall.channel(shop, settlement="master", fee_rate="0.006")
    placed = await stall.buy(shop, buyer, pay=channel)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("SELECT master_post(:t, :key, 'collect', :key, ARRAY[0, :t], ARRAY['gateway', 'collected'],"
                 " ARRAY['x', ''], CAST(ARRAY[-1000, 1000] AS bigint[]))"),
            {"t": shop.tenant.id, "key": f"collect:{placed.no}"},
        )  # fmt: skip
    await stall.pay(shop, buyer, placed.no, 1_000)
    collected = "SELECT balance_cents FROM ledger_accounts WHERE kind = 'collected'"
    assert await stall.count(shop, collected) == 200

    if ends == "refunded":
        async with shop.tenant.begin() as session:
            await service.refund(session, placed.no)

    assert await stall.count(shop, collected) == (1_000 if ends == "refunded" else 200)
    assert await shop.deposit_cents() == deposit
    order = await stall.order(shop, placed.no)
    assert (order.settlement, order.fee_cents) == ("master", 6)
    assert await ledger_is_balanced(runtime)
