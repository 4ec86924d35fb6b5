"""What the database lets a tenant's role do to tables that are not its own; which those are, the catalogue says."""

from collections.abc import Sequence

from msgspec import Struct, field
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kameng.infra.db import sqlstate
from kameng.infra.tenancy import Tenant
from tests.isolation.victim import Victim

REFUSED = "42501"  # insufficient_privilege
ACTS = (
    "SELECT * FROM {table} LIMIT 1",
    "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE {table} SET {column} = DEFAULT",
    "DELETE FROM {table}",
    "LOCK TABLE {table} IN ACCESS SHARE MODE",
)
NOT_ON_A_VIEW = "TRUNCATE {table}"  # nobody can, whatever his rights
COLUMNS = text(
    """
    SELECT c.relname AS name, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                               AND NOT a.attisdropped ORDER BY a.attnum LIMIT 1) AS first,
           EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS has_tenant,
           c.relkind = 'v' AS is_view
    FROM pg_class c WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
    ORDER BY c.relname
    """
)


class Table(Struct, frozen=True):
    """A table or view; `first` is its first column."""

    name: str
    first: str
    has_tenant: bool
    is_view: bool


class Count(Struct):
    """How much was tried, and what was let through."""

    tried: int = 0
    let_through: list[str] = field(default_factory=list)


async def tables_of(session_of: Tenant, schema: str) -> Sequence[Table]:
    """Every table of a schema, from the catalogue, which everybody may read."""
    async with session_of.begin() as session:
        return [Table(*row) for row in await session.execute(COLUMNS, {"schema": schema})]


async def try_another_schema(a: Tenant, victim: Victim) -> Count:
    """Every act on every table of B's schema, in A's session."""
    schema, count = victim.shop.tenant.schema, Count()
    for table in await tables_of(victim.shop.tenant, schema):
        for act in ACTS if table.is_view else (*ACTS, NOT_ON_A_VIEW):
            await _try(count, a, act.format(table=f"{schema}.{table.name}", column=table.first))
    return count


async def try_shared_rows(a: Tenant, victim: Victim) -> Count:
    """B's rows of the master's tables, in A's session: refused, or not there."""
    b, count = victim.shop.tenant, Count()
    for table in await tables_of(a, "master"):
        column = "tenant_id" if table.has_tenant else "id" if table.name == "tenants" else None
        if column is None:
            await _try(count, a, f"DELETE FROM master.{table.name}")  # noqa: S608 - our own names
            continue
        where, kept = f"WHERE {column} = {b.id}", "name" if table.name == "tenants" else column
        await _try(count, a, f"SELECT {column} FROM master.{table.name} {where}")  # noqa: S608
        await _try(count, a, f"UPDATE master.{table.name} SET {kept} = {kept} {where}")  # noqa: S608
        await _try(count, a, f"DELETE FROM master.{table.name} {where}")  # noqa: S608
    return count


async def _try(count: Count, a: Tenant, statement: str) -> None:
    """Refused for want of rights, or without any row of B's: else it is let through."""
    count.tried += 1
    try:
        async with a.begin() as session:
            done = await session.execute(text(statement))
            touched = len(done.all()) if done.returns_rows else done.rowcount  # type: ignore[attr-defined]  # a CursorResult
    except DBAPIError as error:
        if sqlstate(error) != REFUSED:
            count.let_through.append(f"{statement}: {sqlstate(error)}, not for want of rights")
    else:
        if touched:
            count.let_through.append(f"{statement}: {touched} rows")
