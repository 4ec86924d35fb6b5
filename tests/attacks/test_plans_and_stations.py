"""Money and names at the master: plans changed at the same moment, applications for what is somebody else's."""

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import text

from deploy.provisioning import provisioner
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.plans import subscriptions
from tenants.registry import provisioning
from tenants.registry.provisioning import By
from tenants.registry.service import TenantDraft
from tests.admin_ui.conftest import clients, operator, owner, shop, sign_in
from tests.support.house import ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient
from tests.tenants.applications.conftest import gateway, master
from tests.tenants.applications.steps import Clients, Master
from tests.tenants.openapi.conftest import Machines, machine, member
from tests.tenants.openapi.test_buying import fill
from tests.tenants.plans.steps import NOTHING_USED, Station, add_plan
from tests.tenants.plans.test_changing import paying

__all__ = ["clients", "gateway", "machine", "master", "operator", "owner", "shop", "sign_in"]

IS_WAITING = text(
    "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname ="
    " current_database()"
)


async def somebody_waits(runtime: Runtime) -> None:
    """Until a transaction stands before a lock that another one holds."""
    async with asyncio.timeout(30), runtime.database.master_session() as session:
        while not await session.scalar(IS_WAITING):  # noqa: ASYNC110 - it is the database that is asked
            await asyncio.sleep(0)


async def test_of_two_changes_of_plan_at_once_both_are_paid_for(runtime: Runtime) -> None:
    station = await paying(runtime, 1_000)
    little_more, the_dearest = await add_plan(runtime, 1_100), await add_plan(runtime, 90_000)

    async with runtime.database.master_session() as session:
        await subscriptions.change(session, station.id, little_more, NOTHING_USED, by_owner=True)
        second = asyncio.create_task(station.change(the_dearest))
        await somebody_waits(runtime)
    with suppress(KamengError):
        await second

    now = await station.subscription()
    newest = (await station.periods())[0]
    assert (now.plan_id, newest.price_cents) in ((little_more, 1_100), (the_dearest, 90_000))
    assert await ledger_is_balanced(runtime)


async def test_changing_to_and_fro_earns_nothing(runtime: Runtime) -> None:
    station = await paying(runtime, 10_000)
    monthly = (await station.subscription()).plan_id
    yearly = await add_plan(runtime, 120_000, period_months=12)
    assert monthly is not None

    with suppress(KamengError):
        for _ in range(4):
            await station.change(yearly, at_once=True)
            await station.change(monthly, at_once=True)

    assert await station.shop.deposit_cents() <= 100_000 - 10_000
    assert await station.charged_cents() >= 10_000
    assert await ledger_is_balanced(runtime)


async def test_an_application_does_not_take_over_a_station_that_waits_for_its_owner(
    runtime: Runtime, master: Master, operator: StaffClient, clients: Clients
) -> None:
    """The operator opens a station for somebody and invites him; a stranger has applied for the same name with the
    address of that person, which is no secret."""
    plan_id, visitor = await master.plan(0), await master.visitor()
    await master.set_mode("review")
    application = await master.applied(visitor, plan_id)
    draft = TenantDraft(
        slug=application.slug,
        name="A friend's",
        tier_id=master.tier_id,
        hosts=[f"{application.slug}.localhost"],
        contact=application.email,
    )
    opened = await provisioning.open_station(
        runtime, provisioner(runtime.settings), draft, None, 0, By("operator", "127.0.0.1")
    )

    await operator.get("/applications")
    await operator.post(f"/applications/{application.id}/approve")
    await master.work()

    after = await master.application(application.id)
    assert (after.state, after.reason) == ("blocked", "slug_taken")
    async with runtime.database.master_session() as session:
        members = text("SELECT count(*) FROM memberships WHERE tenant_id = :t")
        assert await session.scalar(members, {"t": opened.tenant_id}) == 0


@pytest.mark.parametrize("why", ["orders_used_up", "overdue", "suspended", "closing"])
async def test_a_station_that_takes_no_orders_takes_none_by_machine(
    runtime: Runtime, machine: Machines, why: str
) -> None:
    """The shop says so to people; a limit of the plan must not be passed by the other door."""
    shop = await open_shop(runtime, keys=["K-1", "K-2"])
    buyer = await member(shop)
    await fill(shop, buyer, 10_000)
    client = await machine(shop, buyer)
    order = {"sku_id": shop.product_id, "quantity": 1, "downstream_order_no": "D-1"}
    before = (await client.post("/orders", order)).json()
    if why == "orders_used_up":
        async with runtime.database.master_session() as session:
            await session.execute(
                text("UPDATE tenants SET orders_used_up = true WHERE id = :id"), {"id": shop.tenant.id}
            )
    else:
        await Station(shop).set_state(why)
    runtime.directory.forget()

    refused = await client.post("/orders", {**order, "downstream_order_no": "D-2"})
    again = await client.post("/orders", order)

    assert refused.status_code >= 400
    assert refused.json()["ok"] is False
    assert await shop.wallet_cents(buyer) == 9_000
    if why in ("orders_used_up", "overdue"):  # who lost the answer has it again; the others are closed
        assert again.json() == before
