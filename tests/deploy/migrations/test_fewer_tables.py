"""A station from before 0019 finds in its rooms what it had kept in tables of their own."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct, structs
from psycopg import sql
from sqlalchemy import text

from billing.wholesale import service as wholesale
from deploy.migrations import history
from deploy.migrations.at_once import one_by_one
from deploy.provisioning import provisioner
from kameng.core import clock, ids
from kameng.infra.tenancy import Tenant, schema_of
from tenants.aftersale import settings as answering
from tenants.desk import limits, swaps
from tenants.desk import queries as desk
from tenants.desk import settings as desk_settings
from tenants.pricing import settings as pricing
from tenants.registry.service import TenantDraft
from tenants.shop import listing
from tenants.stock import replenishment, replenishment_queries
from tests.deploy.migrations.conftest import Deployment

BEFORE = 18
DEPUTY, FORMER = UUID(int=1), UUID(int=2)
LENT = UUID(int=3)
KEPT = """
UPDATE pricing_settings SET kept = '{"step_percent": "7"}', turn = 4;
UPDATE aftersale_settings SET settings = '{"answer_minutes": 90, "peaks": "detected"}', heat = '[[9, 12], [10, 40]]',
    heat_at = now() - interval '1 hour';
UPDATE desk_settings SET settings = '{"due_minutes": 45}';
INSERT INTO desk_limits (staff_id, staff_name, limit_cents, ends_at, delegations, given_by, given_at) VALUES
    ('00000000-0000-0000-0000-000000000001', '小王', 5000, now() + interval '1 day',
     '{00000000-0000-0000-0000-000000000003}', 'boss', now() - interval '1 hour'),
    ('00000000-0000-0000-0000-000000000002', '小李', 900, now() - interval '1 day', '{}', 'boss', now());
INSERT INTO listing_templates (name, terms) VALUES
    ('cheap', '{"bands": [{"up_to": null, "percent": "5", "add": "0"}], "rounding": "dime"}'),
    ('dear', '{"bands": [{"up_to": null, "percent": "20", "add": "0"}], "rounding": "dime"}');
INSERT INTO products (name, price, fulfilment) VALUES ('month', 10, 'by_hand'), ('week', 4, 'by_hand'),
    ('season', 9, 'by_hand'), ('keys', 10, 'auto');
INSERT INTO product_equivalents (product_id, other_id, position) VALUES (1, 2, 5), (1, 3, 2);
INSERT INTO replenishment_sources (product_id, supplier, lead_days) VALUES (4, '老张', 3);
INSERT INTO replenishments (product_id, state, quantity, received) VALUES (4, 'received', 2, 2), (4, 'ordered', 9, 0);
INSERT INTO replenishment_imports (import_id, replenishment_id, added) VALUES (11, 1, 2);
"""
# What pages for buyers of the program before this file say to its table.
OLD_PROGRAM = (
    "SELECT settings, heat, heat_at FROM aftersale_settings",
    "SELECT settings, heat, heat_at FROM aftersale_settings FOR NO KEY UPDATE",
)


class Order(Struct, frozen=True):
    """As much of one as equivalents are chosen by."""

    product_id: int = 1
    quantity: int = 1
    kind: str = "cards"
    total_cents: int = 1_000


async def open_before(deployment: Deployment) -> int:
    maker = provisioner(deployment.settings)
    async with deployment.runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, ids.code(8))
    script = one_by_one(maker.roles, history.load("tenant")[:BEFORE])
    draft = TenantDraft(slug="before", name="before", tier_id=tier.id, hosts=["before.localhost"])
    number = await structs.replace(maker, script=script).open(draft)
    path = sql.SQL("SET LOCAL search_path TO {};").format(sql.Identifier(schema_of(number))).as_string()
    await deployment.as_owner(path + KEPT)
    return number


async def migrated(deployment: Deployment) -> Tenant:
    await open_before(deployment)
    report = await deployment.migrate()
    assert (report.tenants, report.failed) == (1, {})
    tenant = await deployment.runtime.directory.at_host("before.localhost")
    assert tenant is not None
    return tenant


async def test_what_rooms_were_set_to_is_there(deployment: Deployment) -> None:
    tenant = await migrated(deployment)
    async with tenant.begin() as session:
        assert (await pricing.read(session)).step_percent == Decimal(7)
        assert await pricing.turn(session) == 4
        assert await pricing.next_turn(session) == 5

        plan = await answering.schedule(session)
        assert plan.answering.answer_minutes == 90
        assert list(plan.heat) == [(9, 12), (10, 40)]
        assert not plan.is_stale(clock.now())
        assert plan.is_stale(clock.now() + timedelta(days=1))

        assert (await desk_settings.read(session)).due_minutes == 45
        assert [(one.id, one.name) for one in await listing.templates(session)] == [(1, "cheap"), (2, "dear")]


async def test_limits_of_deputies_still_count_until_they_end(deployment: Deployment) -> None:
    tenant = await migrated(deployment)
    async with tenant.begin() as session:
        assert [one.staff_name for one in await limits.current(session)] == ["小王"]
        assert await limits.most_cents(session, DEPUTY, may_refund=False) == 5_000
        assert await limits.of(session, FORMER) is None

        taken = await limits.take(session, DEPUTY)
        assert taken is not None
        assert taken.delegations == [LENT]
        assert await limits.current(session) == []


async def test_equivalents_stand_in_their_order(deployment: Deployment) -> None:
    tenant = await migrated(deployment)
    async with tenant.begin() as session:
        assert [(row.product, row.other) for row in await desk.equivalents(session)] == [
            ("month", "season"),
            ("month", "week"),
        ]
        found = await swaps.candidates(session, Order())  # type: ignore[arg-type]  # as much of an order as is asked for
        assert [name for _, name, _ in found] == ["season", "week"]


async def test_what_was_ordered_from_whom_is_known_and_an_import_still_counts_once(deployment: Deployment) -> None:
    tenant = await migrated(deployment)
    async with tenant.begin() as session:
        source = await replenishment_queries.source(session, 4)
        await replenishment.receive(session, 4, import_id=11, added=2)  # was counted before
        await replenishment.receive(session, 4, import_id=12, added=5)
        await replenishment.receive(session, 4, import_id=12, added=5)
        rows = await session.execute(text("SELECT state, received, imports FROM replenishments ORDER BY id"))
        received = [tuple(row) for row in rows]

    assert (source.supplier, source.lead_days) == ("老张", 3)
    assert received == [("received", 2, {"11": 2}), ("partial", 5, {"12": 5})]


async def test_the_program_from_before_goes_on_taking_tickets(deployment: Deployment) -> None:
    tenant = await migrated(deployment)
    async with tenant.begin() as session:
        for statement in OLD_PROGRAM:
            row = (await session.execute(text(statement))).one()
            assert row.settings["answer_minutes"] == 90
            assert row.heat == [[9, 12], [10, 40]]
            assert row.heat_at < clock.now()
