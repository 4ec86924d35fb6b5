"""A supplier's catalogue, read over real HTTP."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later
from supplier_gateway.catalogue import queries, runs, service
from supplier_gateway.catalogue.errors import AlreadyReading, NoCatalogue
from supplier_gateway.catalogue.queries import Run
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier


@pytest.fixture
def sandbox() -> Iterator[Supplier]:
    """One for each test: its catalogue is all that counts."""
    with running_supplier() as started:
        yield started


@pytest.fixture
async def account(runtime: Runtime, sandbox: Supplier) -> int:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        name = f"sandbox {ids.code(8)}"
        supplier = await suppliers.add(session, sealer, name, "sandbox", sandbox.url, "demo", SUPPLIER_SECRET)
    return supplier.id


def good(sku: str, cost: str = "10.00", stock: int = 50, name: str = "") -> dict[str, Any]:
    return {"sku": sku, "name": name or f"{sku} card", "cost": cost, "stock": stock}


async def sync(runtime: Runtime, account: int) -> Run:
    async with runtime.database.master_session() as session:
        run_id = await runs.start(session, account, "tester")
    await runs.work(runtime, run_id)
    async with runtime.database.master_session() as session:
        return await queries.run(session, run_id)


async def adopt(runtime: Runtime, account: int, sku: str) -> service.Adopted:
    async with runtime.database.master_session() as session:
        return await service.adopt(session, account, sku)


async def offer(runtime: Runtime, offer_id: int) -> Any:
    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT * FROM offers WHERE id = :id"), {"id": offer_id})
        return found.one()


async def test_a_catalogue_of_several_pages_is_read_to_its_end(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    sandbox.goods(*(good(f"many-{n:03}") for n in range(250)))

    first = await sync(runtime, account)
    second = await sync(runtime, account)

    assert (first.state, first.pages, first.seen, first.fresh) == ("applied", 3, 257, 257)
    assert (second.fresh, second.changed, second.vanished, second.expected) == (0, 0, 0, 257)


async def test_a_reading_that_broke_off_goes_on_with_the_page_it_had_not_kept(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    sandbox.goods(*(good(f"many-{n:03}") for n in range(250)))
    sandbox.stage({"kind": "slow", "on": "read", "delay_ms": 1}, {"kind": "error", "on": "read"})
    async with runtime.database.master_session() as session:
        run_id = await runs.start(session, account)
        with pytest.raises(AlreadyReading):
            await runs.start(session, account)

    with pytest.raises(Later):
        await runs.work(runtime, run_id)
    async with runtime.database.master_session() as session:
        broken = await queries.run(session, run_id)
        known = await session.scalar(text("SELECT count(*) FROM supplier_goods WHERE supplier_id = :s"), {"s": account})
    await runs.work(runtime, run_id)

    assert broken.state == "running"
    assert known == 0  # nothing is in force before the end
    async with runtime.database.master_session() as session:
        assert (await queries.run(session, run_id)).seen == 257


async def test_a_silent_supplier_is_given_up_after_five_tries_and_nothing_changes(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "steam-50")
    sandbox.stage(*({"kind": "error", "on": "read"} for _ in range(5)))
    async with runtime.database.master_session() as session:
        run_id = await runs.start(session, account)
    for _ in range(4):
        with pytest.raises(Later):
            await runs.work(runtime, run_id)

    await runs.work(runtime, run_id)

    async with runtime.database.master_session() as session:
        assert (await queries.run(session, run_id)).state == "failed"
    assert (await offer(runtime, adopted.offer_id)).state == "active"


async def test_new_articles_wait_to_be_adopted_and_then_follow_their_supplier(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    name = f"Gift {ids.code(8)}"
    sandbox.goods(good("gift", "10.00", 50, name))
    await sync(runtime, account)

    adopted = await adopt(runtime, account, "gift")
    sandbox.goods(good("gift", "11.50", 7, f"{name} II"))
    run = await sync(runtime, account)

    assert run.changed == 1
    kept = await offer(runtime, adopted.offer_id)
    assert (kept.cost, kept.stock, kept.state) == (Decimal("11.5000"), 7, "active")
    async with runtime.database.master_session() as session:
        told = await session.execute(text("SELECT name FROM goods WHERE id = :id"), {"id": adopted.good_id})
        assert told.scalar_one() == f"{name} II"


async def test_what_was_set_by_hand_is_never_overwritten(runtime: Runtime, account: int, sandbox: Supplier) -> None:
    sandbox.goods(good("gift", "10.00", 50, f"Gift {ids.code(8)}"))
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "gift")
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE goods SET name = :n, hand_set = '{name}' WHERE id = :id"),
            {"n": f"mine {adopted.name}", "id": adopted.good_id},
        )
        await offers.change(session, adopted.offer_id, Decimal("10.20"), "gift", 5, 0, hand_set=("cost", "stock"))

    sandbox.goods(good("gift", "11.00", 99, f"Theirs {ids.code(8)}"))
    await sync(runtime, account)

    kept = await offer(runtime, adopted.offer_id)
    assert (kept.cost, kept.stock) == (Decimal("10.2000"), 5)
    async with runtime.database.master_session() as session:
        told = await session.execute(text("SELECT name FROM goods WHERE id = :id"), {"id": adopted.good_id})
        assert told.scalar_one() == f"mine {adopted.name}"


async def test_a_jump_upwards_stops_the_offer_until_a_person_approves(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    sandbox.goods(good("gift", "10.00"))
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "gift")

    sandbox.goods(good("gift", "12.01"))
    run = await sync(runtime, account)
    held = await offer(runtime, adopted.offer_id)
    async with runtime.database.master_session() as session:
        await service.decide_cost(session, adopted.offer_id, Decimal("12.01"), approved=True)

    assert run.held == 1
    assert (held.state, held.cost, held.held_cost) == ("held", Decimal("10.0000"), Decimal("12.0100"))
    now = await offer(runtime, adopted.offer_id)
    assert (now.state, now.cost, now.held_cost) == ("active", Decimal("12.0100"), None)


async def test_a_declined_jump_is_not_asked_about_again_and_ends_by_itself(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    sandbox.goods(good("gift", "10.00"))
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "gift")
    sandbox.goods(good("gift", "30.00"))
    await sync(runtime, account)
    async with runtime.database.master_session() as session:
        await service.decide_cost(session, adopted.offer_id, Decimal("30.00"), approved=False)

    again = await sync(runtime, account)
    stopped = await offer(runtime, adopted.offer_id)
    sandbox.goods(good("gift", "10.50"))
    await sync(runtime, account)

    assert again.held == 0
    assert (stopped.state, stopped.cost) == ("held", Decimal("10.0000"))
    back = await offer(runtime, adopted.offer_id)
    assert (back.state, back.cost, back.declined_cost) == ("active", Decimal("10.5000"), None)


async def test_a_jump_downwards_sells_on_at_the_old_cost(runtime: Runtime, account: int, sandbox: Supplier) -> None:
    sandbox.goods(good("gift", "10.00"))
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "gift")

    sandbox.goods(good("gift", "0.01"))
    await sync(runtime, account)

    kept = await offer(runtime, adopted.offer_id)
    assert (kept.state, kept.cost, kept.held_cost) == ("active", Decimal("10.0000"), Decimal("0.0100"))


async def test_what_vanishes_stops_selling_and_comes_back_by_itself(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    sandbox.goods(good("gift"))
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "gift")
    paused = await adopt(runtime, account, "steam-50")
    async with runtime.database.master_session() as session:
        await offers.pause(session, paused.offer_id, paused=True)

    sandbox.remove_goods("gift", "steam-50")
    gone = await sync(runtime, account)
    while_gone = await offer(runtime, adopted.offer_id)
    sandbox.goods(good("gift"), good("steam-50"))
    back = await sync(runtime, account)

    assert (gone.vanished, while_gone.state) == (2, "gone")
    assert back.returned == 2
    assert (await offer(runtime, adopted.offer_id)).state == "active"
    assert (await offer(runtime, paused.offer_id)).state == "paused"  # a person has said so


async def test_a_catalogue_that_lost_most_is_held_until_a_person_approves(
    runtime: Runtime, account: int, sandbox: Supplier
) -> None:
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "steam-50")
    sandbox.remove_goods("steam-50", "steam-100", "honor-60", "qq-vip-month")

    run = await sync(runtime, account)
    while_held = await offer(runtime, adopted.offer_id)
    async with runtime.database.master_session() as session:
        await runs.decide(session, run.id, approved=True)

    assert (run.state, run.vanished, run.expected) == ("held", 4, 7)
    assert while_held.state == "active"
    assert (await offer(runtime, adopted.offer_id)).state == "gone"


async def test_an_empty_catalogue_takes_nothing_away(runtime: Runtime, account: int, sandbox: Supplier) -> None:
    await sync(runtime, account)
    adopted = await adopt(runtime, account, "steam-50")
    sandbox.remove_goods(
        "steam-50", "steam-100", "genshin-monthly", "honor-60", "qq-vip-month", "mobile-30", "qq-coins-10"
    )

    run = await sync(runtime, account)

    assert run.state == "held"
    assert (await offer(runtime, adopted.offer_id)).state == "active"


async def test_own_stock_has_no_catalogue(runtime: Runtime) -> None:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        own = await suppliers.add_stock(session, sealer, f"stock {ids.code(8)}")
        with pytest.raises(NoCatalogue):
            await runs.start(session, own.id)


async def test_the_clock_starts_what_is_due_once(runtime: Runtime, account: int) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE suppliers SET sync_next_at = now() + interval '1 day'"))
        await session.execute(text("UPDATE suppliers SET sync_next_at = now() WHERE id = :id"), {"id": account})
        await session.execute(text("UPDATE sync_runs SET state = 'failed' WHERE state = 'running'"))
    async with runtime.database.master_session() as session:
        started = await runs.start_due(session)
        again = await runs.start_due(session)

    assert (started, again) == (1, 0)
