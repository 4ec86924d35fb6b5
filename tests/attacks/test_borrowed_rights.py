"""Nobody makes the owner's functions run his own code, or leaves something on a connection for the next."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kameng.infra.db import sqlstate
from kameng.infra.runtime import Runtime
from tests.support.house import Shop, open_shop

REFUSED = "42501"  # insufficient_privilege
OPEN_PATHS = text(
    """
    SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'master'::regnamespace AND prosecdef
    AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
    """
)
OPEN_TO_ALL = text(
    """
    SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'master'::regnamespace AND prosecdef
    AND prorettype <> 'trigger'::regtype
    AND (proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(proacl) WHERE grantee = 0))
    """
)
WITHOUT_POLICIES = text(
    """
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'master'::regnamespace AND c.relkind = 'r'
    AND NOT c.relrowsecurity AND EXISTS (
        SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    AND (has_table_privilege(:tenants, c.oid, 'SELECT, INSERT, UPDATE, DELETE') OR
         has_any_column_privilege(:tenants, c.oid, 'SELECT, INSERT, UPDATE'))
    """
)


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K"])


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMP TABLE staff (login text)",
        "CREATE TABLE pg_temp.orders (id int)",
        "CREATE TEMP VIEW payment_channels AS SELECT 1",
        "CREATE TEMP SEQUENCE numbers",
        "CREATE DOMAIN pg_temp.text AS pg_catalog.text",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OPERATOR pg_temp.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)",
        "CREATE FUNCTION now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY orders TO PROGRAM 'true'",
        "SET SESSION AUTHORIZATION postgres",
    ],
)
async def test_a_tenant_leaves_nothing_on_a_connection(shop: Shop, statement: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with shop.tenant.begin() as session:
            await session.execute(text(statement))
    assert sqlstate(refused.value) == REFUSED


async def test_the_master_cannot_leave_temporary_tables_either(runtime: Runtime) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with runtime.database.master_session() as session:
            await session.execute(text("CREATE TEMP TABLE staff (login text)"))
    assert sqlstate(refused.value) == REFUSED


async def test_every_function_with_the_owners_rights_has_a_search_path_of_its_own(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        assert (await session.scalars(OPEN_PATHS)).all() == []


async def test_no_function_with_the_owners_rights_is_open_to_everybody(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        assert (await session.scalars(OPEN_TO_ALL)).all() == []


async def test_every_shared_table_that_tenants_reach_has_row_level_security(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        found = await session.scalars(WITHOUT_POLICIES, {"tenants": runtime.database.roles.tenants})
        assert found.all() == []


@pytest.mark.parametrize("path", ["", "pg_temp", "pg_temp, pg_catalog, master"])
async def test_the_functions_work_under_any_search_path_of_the_caller(shop: Shop, path: str) -> None:
    buyer = await shop.buyer(wallet_cents=5_000)
    async with shop.tenant.begin() as session:
        await session.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
        await session.execute(
            text("SELECT master.post_sale(gen_random_uuid(), CAST(:buyer AS varchar), :good, 1, 1000, 800)"),
            {"buyer": buyer, "good": shop.good_id},
        )
    assert await shop.wallet_cents(buyer) == 4_000
