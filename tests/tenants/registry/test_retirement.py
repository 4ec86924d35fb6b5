"""Closing a station: a grace period with undo, then nothing is left but the ledger, the audit log and a certificate."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from billing.ledger import service as ledger
from billing.ledger.service import Line
from billing.payouts import service as payouts
from billing.payouts.service import PayoutDraft
from deploy import station_tasks
from kameng.cards import service as cards
from kameng.core import clock, ids
from kameng.identity.permissions import Role
from kameng.infra.admin import admin_connection
from kameng.infra.crypto import KeyDestroyed, Keyring
from kameng.infra.runtime import Runtime
from tenants.orders import service as orders
from tenants.registry import closing, queries, retirement
from tenants.registry.closing import Farewell
from tenants.registry.errors import GraceLasts, MoneyCollected, NotInThisState, PayoutWaits, StillBuying
from tenants.registry.provisioning import By
from tenants.toggles.flags import DEFAULTS
from tenants.toggles.reading import Reading
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.orders import stall

BY = By("操作员", "10.0.0.1")
Clients = Callable[[str], StaffClient]


async def begin(runtime: Runtime, shop: Shop, *, days: int = 30) -> None:
    grace = msgspec.structs.replace(runtime, settings=msgspec.structs.replace(runtime.settings, closing_days=days))
    farewell = Farewell(name=shop.tenant.name, reason="到期不续", accepted_cents=10**12)
    await closing.close(grace, shop.tenant.id, farewell, BY)


async def state_of(runtime: Runtime, shop: Shop) -> str:
    async with runtime.database.master_session() as session:
        return (await queries.station(session, shop.tenant.id)).state


async def sold(runtime: Runtime) -> Shop:
    """A shop with one order, a member of staff and money in a wallet."""
    shop = await open_shop(runtime, keys=["K-1", "K-2"], deposit_cents=2_000)
    await shop.buy(await shop.buyer(wallet_cents=1_500))
    return shop


async def test_the_operator_sees_what_is_left_and_has_to_confirm_the_money(
    runtime: Runtime, operator: StaffClient
) -> None:
    shop = await sold(runtime)
    path = f"/tenants/{shop.tenant.id}/closing"

    page = text_of(await operator.get(path))
    assert "Orders not finished 0 Deposit ¥12.00 Buyers' wallets together ¥5.00 Wallets with money 1" in page

    form = {"name": shop.tenant.name, "reason": "到期不续", "told_cents": "1700"}
    wrong = await operator.post(path, **form | {"name": "别的店", "reason": ""})
    assert error_at(wrong, "reason") == "Fill this in."
    unconfirmed = await operator.post(path, **form | {"name": "别的店"})
    assert error_at(unconfirmed, "name") == "This is not its name."
    assert "Money is left in it" in error_at(unconfirmed, "confirmed")
    changed = await operator.post(path, **form | {"told_cents": "1699"}, confirmed="yes")
    assert "Money is left in it" in error_at(changed, "confirmed")
    assert await state_of(runtime, shop) == "active"

    page = text_of(await operator.follow(await operator.post(path, **form, confirmed="yes")))
    assert "It is closed for good on" in page
    assert await state_of(runtime, shop) == "closing"
    assert await audited(runtime, "stations.close", str(shop.tenant.id)) != []


async def test_a_closing_shop_is_shut_while_its_console_is_open_and_can_be_opened_again(
    runtime: Runtime, operator: StaffClient, clients: Clients, sign_in: SignIn
) -> None:
    shop = await open_shop(runtime)
    owner = await sign_in(shop.tenant, Role.OWNER)
    await begin(runtime, shop)

    assert (await clients(shop.tenant.host).get("/")).status_code == 503
    until = f"{clock.now() + timedelta(days=30):%Y-%m}"
    assert f"This station is closed for good on {until}" in text_of(await owner.get("/console"))

    await operator.get("/tenants")
    await operator.follow(await operator.post(f"/tenants/{shop.tenant.id}/reopen"))
    assert (await clients(shop.tenant.host).get("/")).status_code == 200
    assert "closed for good" not in text_of(await owner.get("/console"))
    assert (await operator.post(f"/tenants/{shop.tenant.id}/reopen")).status_code == 409


async def test_undone_a_suspended_station_is_suspended_again_for_its_own_reason(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await closing.suspend(runtime, shop.tenant.id, "重复投诉", BY)
    await begin(runtime, shop)

    moved = await closing.reopen(runtime, shop.tenant.id, BY)

    assert moved.after == "suspended"
    async with runtime.database.master_session() as session:
        assert (await queries.station(session, shop.tenant.id)).state_reason == "重复投诉"


async def test_after_the_grace_period_everything_is_gone_but_what_must_stay(
    runtime: Runtime, operator: StaffClient, clients: Clients, sign_in: SignIn
) -> None:
    shop = await sold(runtime)
    await sign_in(shop.tenant, Role.OWNER)
    await begin(runtime, shop, days=0)

    await station_tasks.retire_closed(runtime)

    assert (await clients(shop.tenant.host).get("/")).status_code == 404
    assert (await clients(shop.tenant.host).get("/console/login")).status_code == 404
    assert await left_in_postgres(runtime, shop) == (0, 0)
    for table in ("hosts", "host_claims", "memberships", "outbox"):
        assert await rows_of(runtime, table, shop) == 0, table
    assert await rows_of(runtime, "ledger_entries", shop) > 0
    assert await ledger_is_balanced(runtime)
    assert await audited(runtime, "stations.retire", str(shop.tenant.id)) == ["system"]

    page = text_of(await operator.get(f"/tenants/{shop.tenant.id}"))
    assert "Closed for good" in page
    assert "Change the tier" not in page
    assert (await operator.post(f"/tenants/{shop.tenant.id}/reopen")).status_code == 409


async def test_the_certificate_says_what_there_was_and_proves_itself(runtime: Runtime, operator: StaffClient) -> None:
    shop = await sold(runtime)
    assert (await operator.get(f"/tenants/{shop.tenant.id}/certificate.json")).status_code == 404
    await begin(runtime, shop, days=0)
    await retirement.retire(runtime, shop.tenant.id, BY)

    file = (await operator.get(f"/tenants/{shop.tenant.id}/certificate.json")).json()

    said = file["certificate"]
    assert (said["tenant"], said["slug"], said["name"]) == (shop.tenant.id, shop.tenant.slug, shop.tenant.name)
    assert (said["by"], said["reason"]) == ("操作员", "到期不续")
    assert (said["rows"]["orders"], said["rows"]["buyers"], said["rows"]["products"]) == (1, 1, 1)
    assert said["ledger"]["deposit"] == {"accounts": 1, "cents": 1_200}
    assert said["ledger"]["wallet"] == {"accounts": 1, "cents": 500}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == file["sha256"]


async def test_the_key_of_a_closed_station_is_destroyed_and_leaves_every_process(runtime: Runtime) -> None:
    shop = await sold(runtime)
    lasting, short = (Keyring(runtime.database, runtime.settings.vault_key, lifetime_s=s) for s in (300, 0.05))
    for keyring in (runtime.keyring, lasting, short):
        await keyring.tenant(shop.tenant.id)
    await begin(runtime, shop, days=0)

    await retirement.retire(runtime, shop.tenant.id, BY)

    with pytest.raises(KeyDestroyed):
        await runtime.keyring.tenant(shop.tenant.id)
    with pytest.raises(KeyDestroyed):
        await Keyring(runtime.database, runtime.settings.vault_key).tenant(shop.tenant.id)
    async with asyncio.timeout(30):
        await gone_from(short, shop.tenant.id)


async def gone_from(keyring: Keyring, tenant_id: int) -> None:
    """Returns when this keyring, which nobody told, has dropped the key."""
    while True:
        try:
            await keyring.tenant(tenant_id)
        except KeyDestroyed:
            return
        await asyncio.sleep(0.01)  # the timer is the loop's


async def test_before_its_time_or_in_another_state_a_station_is_not_ended(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    with pytest.raises(NotInThisState):
        await retirement.retire(runtime, shop.tenant.id, BY, at_once=True)
    await begin(runtime, shop)
    with pytest.raises(GraceLasts):
        await retirement.retire(runtime, shop.tenant.id, BY)
    await station_tasks.retire_closed(runtime)
    assert await state_of(runtime, shop) == "closing"

    await retirement.retire(runtime, shop.tenant.id, BY, at_once=True)
    assert await state_of(runtime, shop) == "closed"


async def test_while_a_purchase_is_not_settled_a_station_is_not_ended(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K"])
    await begin(runtime, shop, days=0)
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "INSERT INTO purchases (id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id,"
                " sku, quantity, max_unit_cost, state, lease_until)"
                " SELECT gen_random_uuid(), :ref, :tenant, gen_random_uuid(), 'N', o.good_id, o.id, o.supplier_id,"
                " 's', 1, 1, 'unknown', now() FROM offers o WHERE o.good_id = :good"
            ),
            {"ref": shop.tenant.slug, "tenant": shop.tenant.id, "good": shop.good_id},
        )

    with pytest.raises(StillBuying):
        await retirement.retire(runtime, shop.tenant.id, BY)

    assert await left_in_postgres(runtime, shop) == (1, 1)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE purchases SET state = 'failed' WHERE tenant_id = :id"), {"id": shop.tenant.id}
        )
    await retirement.retire(runtime, shop.tenant.id, BY)
    assert await left_in_postgres(runtime, shop) == (0, 0)


async def test_a_station_that_somebody_works_in_is_ended_at_the_next_try(runtime: Runtime) -> None:
    busy, idle = await open_shop(runtime), await open_shop(runtime)
    for shop in (busy, idle):
        await begin(runtime, shop, days=0)

    async with busy.tenant.begin() as session:
        await session.execute(text("SELECT count(*) FROM orders"))
        await station_tasks.retire_closed(runtime)
        assert await state_of(runtime, busy) == "closing"
        assert await state_of(runtime, idle) == "closed"
    await station_tasks.retire_closed(runtime)

    assert await state_of(runtime, busy) == "closed"


async def test_of_every_table_with_a_tenant_it_is_said_whether_its_rows_go(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        tables = await session.scalars(
            text(
                "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')"
                " WHERE c.relnamespace = 'master'::regnamespace AND a.attname = 'tenant_id'"
            )
        )
    assert set(tables) == {*retirement.RELEASED, *retirement.CLEARED, *retirement.KEPT}


async def left_in_postgres(runtime: Runtime, shop: Shop) -> tuple[int, int]:
    """How many schemas and roles of the station there are."""
    role = runtime.database.roles.tenant(shop.tenant.id)
    async with admin_connection(runtime.settings) as connection:
        row = await connection.execute(
            "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = %s),"
            " (SELECT count(*) FROM pg_roles WHERE rolname = %s)",
            [shop.tenant.schema, role],
        )
        schemas, roles = await row.fetchone() or (-1, -1)
    return schemas, roles


async def rows_of(runtime: Runtime, table: str, shop: Shop) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(
            text(f"SELECT count(*) FROM {table} WHERE tenant_id = :id"),  # noqa: S608 - our own names
            {"id": shop.tenant.id},
        )
        return int(row.scalar_one())


async def test_a_withdrawal_that_waits_and_collected_money_keep_a_station_from_being_ended(
    runtime: Runtime, operator: StaffClient
) -> None:
    shop = await open_shop(runtime, deposit_cents=1)
    await book(shop, "master_bank", "collected", 700)
    await book(shop, "master_bank", "earnings", 50_000)
    draft = PayoutDraft(amount_cents=40_000, method="alipay", account="li@example.test", request_key=ids.code(20))
    async with shop.tenant.begin() as session:
        await payouts.ask(session, await runtime.keyring.master(), draft, "li")
        payout_id = (await session.execute(text("SELECT id FROM payouts"))).scalar_one()

    asked = text_of(await operator.get(f"/tenants/{shop.tenant.id}/closing"))
    assert "Collected and earned, not paid out ¥507.00" in asked
    await begin(runtime, shop, days=0)
    page = text_of(await operator.get(f"/tenants/{shop.tenant.id}"))

    assert "A withdrawal of this station waits to be decided." in page
    assert "Collected money of this station is not released yet." in page
    with pytest.raises(PayoutWaits):
        await retirement.retire(runtime, shop.tenant.id, BY)
    async with runtime.database.master_session() as session:
        await payouts.decline(session, payout_id, "closing", "boss")
    with pytest.raises(MoneyCollected):
        await retirement.retire(runtime, shop.tenant.id, BY)
    await book(shop, "collected", "earnings", 700)
    await retirement.retire(runtime, shop.tenant.id, BY)
    assert await state_of(runtime, shop) == "closed"


async def test_cards_of_the_masters_that_its_unpaid_orders_held_are_for_sale_again(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K-1", "K-2", "K-3"])
    draft = stall.draft(shop, quantity=2, pay=await stall.channel(shop))
    vault = await runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await orders.place(session, vault, await shop.buyer(), draft, Reading({**DEFAULTS, "shop.hold_stock": True}))
    assert await pooled(runtime, shop) == 1
    await begin(runtime, shop, days=0)

    await retirement.retire(runtime, shop.tenant.id, BY)

    assert await pooled(runtime, shop) == 3


async def pooled(runtime: Runtime, shop: Shop) -> int:
    async with runtime.database.master_session() as session:
        return (await cards.counts(session, [shop.good_id])).get(shop.good_id, 0)


async def book(shop: Shop, source: str, account: str, cents: int) -> None:
    """Money that has come for the station: from the master's bank, or from another account of its own."""
    me = shop.tenant.id
    lines = [Line(0 if source == "master_bank" else me, source, "", -cents), Line(me, account, "", cents)]
    async with shop.runtime.database.master_session() as session:
        await ledger.post(session, ids.code(20), "release", "x", lines, me)
