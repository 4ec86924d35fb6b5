"""PostgreSQL itself keeps one tenant out of another's data: hand-written SQL in tenant A's session is refused."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from kameng.infra.db import sqlstate
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import Shop, open_shop

REFUSED = "42501"  # insufficient_privilege


@pytest.fixture
async def a(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["A-1"])


@pytest.fixture
async def b(runtime: Runtime) -> Shop:
    shop = await open_shop(runtime, keys=["B-1", "B-2"])
    buyer = await shop.buyer(wallet_cents=5_000)
    await shop.buy(buyer)
    return shop


async def refusal_of(tenant: Tenant, statement: str) -> str:
    """The code with which PostgreSQL refuses a statement in the tenant's session."""
    with pytest.raises(DBAPIError) as refused:
        async with tenant.begin() as session:
            await session.execute(text(statement))
    return sqlstate(refused.value)


SHARED = [
    "tenants",
    "hosts",
    "ledger_accounts",
    "ledger_transfers",
    "ledger_entries",
    "audit_log",
    "host_claims",
    "visits",
    "flag_choices",
    "order_deadlines",
    "ledger_daily",
    "payouts",
]


@pytest.mark.parametrize("table", SHARED)
async def test_shared_tables_show_a_tenant_its_own_rows_only(a: Shop, b: Shop, table: str) -> None:
    column = "id" if table == "tenants" else "tenant_id"
    columns = "id" if table == "tenants" else "*"
    async with a.tenant.begin() as session:
        seen = await session.execute(
            text(f"SELECT {columns} FROM master.{table} WHERE {column} IS DISTINCT FROM :me"),  # noqa: S608
            {"me": a.tenant.id},
        )
        assert seen.all() == []


CLOSED = [
    "pooled_schemas",
    "station_imports",
    "station_import_lines",
    "closing_certificates",
    "plan_periods",
    "plan_usage",
    "payment_channels",
    "payments",
    "payment_notices",
    "application_settings",
    "applications",
    "special_prices",
    "price_changes",
    "price_change_lines",
    "price_preview_lines",
    "price_history",
    "tier_policy",
    "tier_reviews",
    "flag_policies",
    "flag_plan_values",
    "flag_rollouts",
    "roles",
    "invitations",
    "delegations",
    "identity_providers",
    "manual_tasks",
    "identities",
    "audit_heads",
    "routing_decisions",
    "routing_pins",
    "routing_resets",
    "routing_rules",
    "supplier_balances",
    "card_aside",
    "collect_refunds",
    "settlement_terms",
    "sold_ahead",
    "card_batches",
    "card_held",
    "card_issued",
    "card_formats",
    "card_import_parts",
    "card_imports",
    "card_pool",
    "card_reveals",
    "data_keys",
    "memberships",
    "migration_failures",
    "migration_runs",
    "migrations",
    "notice_channels",
    "notice_deliveries",
    "notice_people",
    "notices",
    "offers",
    "plans",
    "purchases",
    "replenish_goods",
    "replenish_rules",
    "replenishments",
    "staff",
    "supplier_goods",
    "suppliers",
    "sync_lines",
    "sync_runs",
    "tier_prices",
    "tiers",
]


@pytest.mark.parametrize("table", CLOSED)
async def test_the_masters_own_tables_are_closed_to_tenants(a: Shop, table: str) -> None:
    assert await refusal_of(a.tenant, f"SELECT * FROM master.{table}") == REFUSED  # noqa: S608


async def test_every_table_of_the_master_is_in_one_of_the_lists(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        rows = await session.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'master'"))
    assert {row.tablename for row in rows} == {*SHARED, *CLOSED, "goods", "outbox", "ledger_rolled"}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO master.ledger_entries VALUES (1, 1, 1, 1, 100)",
        "UPDATE master.ledger_accounts SET balance_cents = 1000000",
        "DELETE FROM master.ledger_entries",
        "UPDATE master.ledger_daily SET credit_cents = 0",
        "UPDATE master.payouts SET state = 'paid'",
        "SELECT master.release_collected(1, current_date)",
        "SELECT master.give_back_wholesale(1, gen_random_uuid(), 'k', 1)",
        "SELECT master.end_payout(gen_random_uuid(), 1, 'declined', 'x', 'x')",
        "TRUNCATE master.ledger_entries",
        "SELECT master.master_post(NULL, 'k', 'k', 'r', ARRAY[1], ARRAY['wallet'], ARRAY['x'], ARRAY[1])",
        "SELECT master.ledger_post(NULL, 'k', 'k', 'r', ARRAY[1], ARRAY['wallet'], ARRAY['x'], ARRAY[1])",
        "SELECT * FROM master.outbox",
        "DELETE FROM master.outbox",
        "UPDATE master.tenants SET tier_id = 1",
        "UPDATE master.tenants SET state = 'active'",
        "SELECT tier_id FROM master.tenants",
        "INSERT INTO master.goods (name) VALUES ('mine')",
        "INSERT INTO master.hosts (host, tenant_id) VALUES ('mine.com', 1)",
        "UPDATE master.hosts SET proof = 'txt'",
        "UPDATE master.host_claims SET proof = 'txt'",
        "INSERT INTO master.host_claims (tenant_id, host, token, proof) VALUES (1, 'mine.com', 'x', 'txt')",
        "CREATE TABLE mine (id int)",
        "CREATE TABLE master.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
        "DROP TABLE orders",
    ],
)
async def test_what_a_tenant_may_not_do_is_refused(a: Shop, statement: str) -> None:
    assert await refusal_of(a.tenant, statement) == REFUSED


async def test_rows_cannot_be_written_in_another_tenants_name(a: Shop, b: Shop) -> None:
    audit = f"INSERT INTO master.audit_log (tenant_id, actor, action, subject) VALUES ({b.tenant.id}, 'x', 'x', 'x')"  # noqa: S608
    letter = (
        "INSERT INTO master.outbox (id, tenant_id, follower, payload, due_at)"  # noqa: S608
        f" VALUES (gen_random_uuid(), {b.tenant.id}, 'x', '{{}}', now())"
    )
    claim = f"INSERT INTO master.host_claims (tenant_id, host, token) VALUES ({b.tenant.id}, 'mine.com', 'x')"  # noqa: S608
    assert await refusal_of(a.tenant, audit) == REFUSED
    assert await refusal_of(a.tenant, claim) == REFUSED
    assert await refusal_of(a.tenant, letter) == REFUSED
    choice = f"INSERT INTO master.flag_choices (tenant_id, flag, value) VALUES ({b.tenant.id}, 'shop.stock', 'true')"  # noqa: S608
    assert await refusal_of(a.tenant, choice) == REFUSED


async def test_a_tenant_changes_its_own_look_and_no_others(runtime: Runtime, a: Shop, b: Shop) -> None:
    async with a.tenant.begin() as session:
        changed = await session.execute(text("UPDATE tenants SET name = 'mine' RETURNING id"))
        assert list(changed.scalars()) == [a.tenant.id]
    async with runtime.database.master_session() as session:
        name = await session.execute(text("SELECT name FROM tenants WHERE id = :id"), {"id": b.tenant.id})
    assert name.scalar_one() == b.tenant.name


async def test_the_login_role_alone_can_do_nothing(a: Shop, b: Shop) -> None:
    for statement in (f"SELECT * FROM {b.tenant.schema}.orders", "SELECT * FROM master.tenants"):  # noqa: S608
        with pytest.raises(ProgrammingError) as refused:
            async with a.tenant.begin() as session:
                await session.execute(text("RESET ROLE"))
                await session.execute(text(statement))
        assert sqlstate(refused.value) == REFUSED


async def test_master_code_does_not_reach_into_a_shop(runtime: Runtime, b: Shop) -> None:
    with pytest.raises(ProgrammingError) as refused:
        async with runtime.database.master_session() as session:
            await session.execute(text(f"SELECT * FROM {b.tenant.schema}.orders"))  # noqa: S608
    assert sqlstate(refused.value) == REFUSED


async def test_rights_end_with_the_transaction(runtime: Runtime, a: Shop, b: Shop) -> None:
    """Connections go back to the pool with no tenant's rights on them."""
    for shop in (a, b) * 10:
        async with shop.tenant.begin() as session:
            row = (await session.execute(text("SELECT current_user, current_schema()"))).one()
            assert tuple(row) == (runtime.database.roles.tenant(shop.tenant.id), shop.tenant.schema)
    async with runtime.database.engine.connect() as connection:
        user = (await connection.execute(text("SELECT current_user"))).scalar_one()
    assert user == "kameng_app"
