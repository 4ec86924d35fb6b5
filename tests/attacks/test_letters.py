"""Letters of the outbox that no code of ours has written: a tenant's role may insert its own."""

import json

import pytest
from msgspec import structs
from sqlalchemy import text

from kameng.core import ids
from kameng.infra import mail
from kameng.infra.mail import Mail, Rejected
from kameng.infra.runtime import Runtime
from kameng.infra.worker import relay
from tenants.orders import tasks
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.postbox import open_postbox
from tests.tenants.desk.steps import case_of, rows, short_shop, waiting

WRITE = text(
    """
    INSERT INTO outbox (id, tenant_id, follower, payload, due_at)
    VALUES (:id, current_tenant(), :follower, CAST(:payload AS jsonb), now())
    """
)
# Each passes for an address at a glance. The first two write to others as well; the last three break Python's parser.
NO_ADDRESSES = [
    "li,boss@example.com", "<boss@example.com>", "li@example.com\r\nBcc: boss@example.com", "li@ex ample.com",
    "@example.com", "\"li@example.com", "li@example.com,", "=@[,.)", "]-@><<.),", "bb,(b@\").c]",
]  # fmt: skip
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


@pytest.mark.parametrize("to", NO_ADDRESSES)
async def test_a_letter_to_what_is_no_address_is_rejected_and_reaches_nobody(to: str) -> None:
    async with open_postbox() as box:
        with pytest.raises(Rejected):
            await mail.send(
                f"smtp://127.0.0.1:{box.port}",
                Mail(sender_name="店", host="a.example", to=to, subject="Order", text="x"),
            )

        assert box.letters == []


async def test_a_contact_that_breaks_parsers_stops_no_follower(runtime: Runtime) -> None:
    """The letter came again and again, each time with an error of ours, and nobody was told."""
    shop = await short_shop(runtime)
    async with open_postbox() as box:
        settings = structs.replace(runtime.settings, smtp_url=f"smtp://127.0.0.1:{box.port}")
        reached = structs.replace(shop, runtime=structs.replace(runtime, settings=settings))
        for contact in ("=@[,.)", "li@example.com"):
            placed = await waiting(reached, contact=contact)
            await work_off(reached.runtime)
            assert (await case_of(shop, placed.no)).state == "open"

        assert [letter["To"] for letter in box.letters] == ["li@example.com"]
    told = await rows(shop, "SELECT channel, failure FROM order_messages ORDER BY id")
    assert [tuple(one) for one in told] == [("page", "no address"), ("email", "")]
