"""Letters of the outbox that no code of ours has written: a tenant's role may insert its own."""

import json

from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.worker import relay
from tenants.orders import tasks
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off

WRITE = text(
    """
    INSERT INTO outbox (id, tenant_id, follower, payload, due_at)
    VALUES (:id, current_tenant(), :follower, CAST(:payload AS jsonb), now())
    """
)
COST = tasks.__name__ + "." + tasks.post_supplier_cost.__qualname__


async def write(shop: Shop, follower: str, payload: object) -> None:
    values = {"id": ids.uuid7(), "follower": follower, "payload": json.dumps(payload)}
    async with shop.tenant.begin() as session:
        await session.execute(WRITE, values)


async def clear(shop: Shop) -> None:
    async with shop.runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM outbox WHERE tenant_id = :t"), {"t": shop.tenant.id})


async def test_a_letter_to_nobody_holds_up_no_other(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    await write(shop, "of.a.newer.version", {})

    await relay(runtime)  # raised, and with it every letter of the round was late

    async with runtime.database.master_session() as session:
        later = await session.execute(
            text("SELECT attempts, due_at > now() FROM outbox WHERE tenant_id = :t"), {"t": shop.tenant.id}
        )
        assert later.all() == [(1, True)]
    await clear(shop)


async def test_a_tenant_cannot_write_into_the_masters_books(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    forged = {
        "purchase_id": str(ids.uuid7()),
        "reference": "KM" + ids.code(20),
        "supplier_id": 1,
        "cost_cents": -(10**6),
    }
    await write(shop, COST, forged)

    await work_off(runtime)

    async with runtime.database.master_session() as session:
        found = await session.execute(
            text("SELECT count(*) FROM ledger_transfers WHERE ref = :ref"), {"ref": forged["reference"]}
        )
        assert found.scalar_one() == 0
    assert await ledger_is_balanced(runtime)
    await clear(shop)
