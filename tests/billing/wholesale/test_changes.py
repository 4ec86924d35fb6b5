"""Prices that people change: looked at, applied once, taken back, remembered."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from billing.wholesale import change_queries, changes
from billing.wholesale import tasks as wholesale_tasks
from billing.wholesale.change_lines import Line, Value
from billing.wholesale.errors import ChangeOver, NothingChanges, SellsAtLoss, SpecialOverlaps, TooEarly
from kameng.core import clock
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tenants.orders.errors import SoldOut
from tests.admin_ui.conftest import audited
from tests.support.house import Shop, open_shop, work_off
from tests.support.prices import applied, draft, priced, quoted, tier_of


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Sells for 10.00 what it pays 8.00 for and what costs the master 5.00."""
    return await open_shop(runtime, keys=[f"K{number}" for number in range(5)])


def special(shop: Shop, price: str, **period: object) -> Line:
    value = Value(price=Decimal(price), **period)  # type: ignore[arg-type]  # starts and ends
    return Line(kind="special", tenant_id=shop.tenant.id, good_id=shop.good_id, after=value)


async def due_now(shop: Shop, change_id: int) -> None:
    """Its time has come."""
    async with shop.runtime.database.master_session() as session:
        await changes.schedule(session, change_id, clock.now() + timedelta(hours=1))
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE price_changes SET apply_at = now() - interval '1 s' WHERE id = :id"), {"id": change_id}
        )


async def state_of(shop: Shop, change_id: int) -> str:
    async with shop.runtime.database.master_session() as session:
        return (await change_queries.change(session, change_id)).state


async def offer_of(shop: Shop) -> tuple[int, int]:
    """The good's offer and its supplier."""
    async with shop.runtime.database.master_session() as session:
        row = await session.execute(text("SELECT id, supplier_id FROM offers WHERE good_id = :g"), {"g": shop.good_id})
        offer, supplier = row.one()
        return int(offer), int(supplier)


async def costs(shop: Shop, cost: str) -> None:
    """The supplier asks another price, and whoever follows that has done it."""
    offer, _ = await offer_of(shop)
    async with shop.runtime.database.master_session() as session:
        await offers.change(session, offer, Decimal(cost), "", None, 0)
    await work_off(shop.runtime)


async def test_a_draft_changes_nothing_until_it_is_applied(shop: Shop) -> None:
    change_id = await draft(shop, await priced(shop, "8.50"))
    assert await quoted(shop) == Decimal("8.00")

    async with shop.runtime.database.master_session() as session:
        await changes.apply(session, change_id, "boss")

    assert await quoted(shop) == Decimal("8.50")


async def test_a_price_by_rule_follows_the_cost(shop: Shop) -> None:
    await applied(shop, await priced(shop, rule="cost+10% up 0.1"))
    assert await quoted(shop) == Decimal("5.50")

    await costs(shop, "6.01")

    assert await quoted(shop) == Decimal("6.70")


async def test_a_price_by_rule_follows_a_supplier_that_is_paused(shop: Shop) -> None:
    sealer = await shop.runtime.keyring.master()
    async with shop.runtime.database.master_session() as session:
        cheap = await suppliers.add_stock(session, sealer, f"cheap {shop.good_id}")
        await offers.add(session, shop.good_id, cheap.id, Decimal("4.00"))
    await applied(shop, await priced(shop, rule="cost+1"))
    assert await quoted(shop) == Decimal("5.00")

    async with shop.runtime.database.master_session() as session:
        await suppliers.pause(session, cheap.id, paused=True)
    await work_off(shop.runtime)

    assert await quoted(shop) == Decimal("6.00")


async def test_a_default_rule_prices_what_has_no_price_of_its_own(shop: Shop) -> None:
    other = await open_shop(shop.runtime, keys=["K"], price="20.00")
    tier = await tier_of(shop)
    await applied(shop, Line(kind="default", tier_id=tier, after=Value(rule="cost+20%")))

    async with shop.tenant.begin() as session:
        rows = await session.execute(
            text("SELECT good_id, wholesale_price FROM quote(CAST(:goods AS bigint[]))"),
            {"goods": [shop.good_id, other.good_id]},
        )
        prices = {row.good_id: row.wholesale_price for row in rows}

    assert prices == {shop.good_id: Decimal("8.00"), other.good_id: Decimal("6.00")}


async def test_a_good_taken_from_a_tier_is_not_priced_again_by_its_default_rule(shop: Shop) -> None:
    tier = await tier_of(shop)
    await applied(shop, Line(kind="default", tier_id=tier, after=Value(rule="cost+20%")))
    await applied(shop, Line(kind="tier", tier_id=tier, good_id=shop.good_id))

    await costs(shop, "6.00")

    assert await quoted(shop) is None


async def test_a_special_price_goes_before_the_tiers_and_ends_by_itself(shop: Shop) -> None:
    await applied(shop, special(shop, "7.00", ends=clock.now() + timedelta(hours=1)))
    assert await quoted(shop) == Decimal("7.00")
    buyer = await shop.buyer(wallet_cents=5_000)
    before = await shop.deposit_cents()
    placed = await shop.buy(buyer)
    assert before - await shop.deposit_cents() == 700

    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE special_prices SET valid_from = now() - interval '2 h', valid_until = now() WHERE good_id = :g"
            ),
            {"g": shop.good_id},
        )

    assert await quoted(shop) == Decimal("8.00")
    async with shop.tenant.begin() as session:
        kept = (await session.execute(text("SELECT quote FROM orders WHERE no = :no"), {"no": placed.no})).scalar_one()
    assert kept.startswith("special:")


async def test_a_special_price_to_come_does_not_hold_yet(shop: Shop) -> None:
    await applied(shop, special(shop, "7.00", starts=clock.now() + timedelta(hours=1)))

    assert await quoted(shop) == Decimal("8.00")


async def test_a_special_price_offers_what_the_tier_does_not(shop: Shop) -> None:
    await applied(shop, Line(kind="tier", tier_id=await tier_of(shop), good_id=shop.good_id))
    assert await quoted(shop) is None

    await applied(shop, special(shop, "7.00"))

    assert await quoted(shop) == Decimal("7.00")


async def test_two_special_prices_do_not_hold_at_once(shop: Shop) -> None:
    now = clock.now()
    await applied(shop, special(shop, "7.00", starts=now, ends=now + timedelta(days=2)))
    await applied(shop, special(shop, "6.50", starts=now + timedelta(days=2), ends=now + timedelta(days=3)))
    change_id = await draft(shop, special(shop, "6.00", starts=now + timedelta(days=1)))

    with pytest.raises(SpecialOverlaps):
        async with shop.runtime.database.master_session() as session:
            await changes.apply(session, change_id, "boss")

    assert await state_of(shop, change_id) == "draft"
    assert await quoted(shop) == Decimal("7.00")


async def test_below_the_floor_nothing_is_sold(shop: Shop) -> None:
    await applied(shop, Line(kind="floor", good_id=shop.good_id, after=Value(floor=Decimal("10.01"))))
    buyer = await shop.buyer(wallet_cents=5_000)

    with pytest.raises(SoldOut):
        await shop.buy(buyer)
    assert await shop.wallet_cents(buyer) == 5_000

    await applied(shop, await priced(shop, "8.00", floor="9.00"))  # the tier's own floor goes before the good's
    assert (await shop.buy(buyer)).total_cents == 1_000


@pytest.mark.parametrize(
    ("state", "sells"), [("trial", True), ("active", True), ("overdue", False), ("suspended", False)]
)
async def test_a_station_sells_while_its_state_allows_it(shop: Shop, state: str, sells: bool) -> None:
    buyer = await shop.buyer(wallet_cents=5_000)
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE tenants SET state = :state WHERE id = :id"), {"state": state, "id": shop.tenant.id}
        )

    if sells:
        assert (await shop.buy(buyer)).total_cents == 1_000
    else:
        with pytest.raises(SoldOut):
            await shop.buy(buyer)


async def test_a_price_below_cost_has_to_be_confirmed(shop: Shop) -> None:
    with pytest.raises(SellsAtLoss) as refusal:
        await applied(shop, await priced(shop, "4.99"))
    assert "¥5.00" in str(refusal.value)

    await applied(shop, await priced(shop, "4.99"), allows_loss=True)

    assert await quoted(shop) == Decimal("4.99")


async def test_a_price_that_holds_already_is_no_change(shop: Shop) -> None:
    with pytest.raises(NothingChanges):
        await draft(shop, await priced(shop, "8.00"))


async def test_a_change_is_applied_once_however_many_apply_it(shop: Shop) -> None:
    change_id = await draft(shop, await priced(shop, "8.50"))

    async def apply() -> None:
        async with shop.runtime.database.master_session() as session:
            await changes.apply(session, change_id, "boss")

    results = await asyncio.gather(*(apply() for _ in range(5)), return_exceptions=True)

    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, ChangeOver) for result in results) == 4
    async with shop.runtime.database.master_session() as session:
        assert len(await change_queries.written(session, change_id)) == 1


async def test_a_scheduled_change_holds_from_its_time_on(shop: Shop) -> None:
    change_id = await draft(shop, await priced(shop, "8.50"))
    async with shop.runtime.database.master_session() as session:
        with pytest.raises(TooEarly):
            await changes.schedule(session, change_id, clock.now() - timedelta(seconds=1))
    await wholesale_tasks.apply_due(shop.runtime)
    assert await quoted(shop) == Decimal("8.00")

    await due_now(shop, change_id)
    await asyncio.gather(*(wholesale_tasks.apply_due(shop.runtime) for _ in range(3)))

    assert await quoted(shop) == Decimal("8.50")
    assert await audited(shop.runtime, "prices.apply", str(change_id)) == ["system"]


async def test_a_scheduled_change_that_is_cancelled_never_holds(shop: Shop) -> None:
    change_id = await draft(shop, await priced(shop, "8.50"))
    await due_now(shop, change_id)
    async with shop.runtime.database.master_session() as session:
        await changes.cancel(session, change_id, "boss")

    await wholesale_tasks.apply_due(shop.runtime)

    assert await quoted(shop) == Decimal("8.00")
    assert await state_of(shop, change_id) == "cancelled"


async def test_a_scheduled_price_that_has_become_a_loss_is_not_applied_and_says_why(shop: Shop) -> None:
    change_id = await draft(shop, await priced(shop, "5.50"))
    await costs(shop, "5.60")
    await due_now(shop, change_id)

    await wholesale_tasks.apply_due(shop.runtime)

    assert await quoted(shop) == Decimal("8.00")
    async with shop.runtime.database.master_session() as session:
        change = await change_queries.change(session, change_id)
    assert change.state == "failed"
    assert "¥5.60" in change.error
    assert await audited(shop.runtime, "prices.fail", str(change_id)) == ["system"]


async def test_a_change_is_taken_back_by_another(shop: Shop) -> None:
    first = await applied(
        shop,
        await priced(shop, rule="cost+10%", floor="9.00"),
        Line(kind="floor", good_id=shop.good_id, after=Value(floor=Decimal("9.50"))),
        special(shop, "7.00"),
    )
    assert await quoted(shop) == Decimal("7.00")

    async with shop.runtime.database.master_session() as session:
        back = await changes.revert(session, first, "it was wrong", "boss")
        await changes.apply(session, back, "boss")

    assert await quoted(shop) == Decimal("8.00")
    async with shop.tenant.begin() as session:
        row = await session.execute(
            text("SELECT min_resale FROM quote(ARRAY[CAST(:g AS bigint)])"), {"g": shop.good_id}
        )
    assert row.scalar_one() is None


async def test_history_cannot_be_changed(shop: Shop) -> None:
    await applied(shop, await priced(shop, "8.50"))

    for statement in ("UPDATE price_history SET actor = 'x'", "DELETE FROM price_history"):
        with pytest.raises(Exception, match="permission denied"):
            async with shop.runtime.database.master_session() as session:
                await session.execute(text(statement))
