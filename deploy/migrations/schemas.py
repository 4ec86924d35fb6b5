"""Bringing one schema up: one transaction, which holds the tenant's row, so closing it or claiming it from the pool
waits or comes first."""

from collections.abc import Sequence

from msgspec import Struct
from psycopg import AsyncConnection, Error, sql

from deploy.migrations.history import Migration
from kameng.infra.admin import become_owner
from kameng.infra.db import Roles
from kameng.infra.tenancy import schema_of

# Whoever waits for a lock holds up all who come after: short, and tried again.
LOCK_TIMEOUT = "1s"
TENANT = "SELECT version FROM master.tenants WHERE id = %s AND state <> 'closed' FOR NO KEY UPDATE"
POOLED = "SELECT version FROM master.pooled_schemas WHERE id = %s FOR NO KEY UPDATE"
TENANT_AT = "UPDATE master.tenants SET version = %s WHERE id = %s"
POOLED_AT = "UPDATE master.pooled_schemas SET version = %s WHERE id = %s"
# Tables to come get the tenant's rights when they are made. GRANT ON ALL TABLES would read the whole catalogue, which
# has hundreds of thousands of rows, for every schema, and write a row of it for every table.
OPENING = """
    SET LOCAL ROLE {owner};
    SET LOCAL lock_timeout = {timeout};
    SET LOCAL synchronous_commit = off;
    SET LOCAL search_path TO {schema};
"""
GRANTING = "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"


class Target(Struct, frozen=True, order=True):
    """A schema that is behind: a tenant's, or one of the pool that will be a tenant's of this number."""

    is_pooled: bool
    id: int
    version: int


class StepFailed(Exception):
    """PostgreSQL refused one of the files. `migration` is its name, empty when it did not come to that."""

    def __init__(self, migration: str, cause: Error) -> None:
        super().__init__(str(cause).partition("\n")[0] or type(cause).__name__)
        self.migration = migration
        self.cause = cause


async def bring_up(connection: AsyncConnection, roles: Roles, target: Target, history: Sequence[Migration]) -> bool:
    """False when there was nothing to do any more: it is current, closed, or was claimed from the pool.

    The commit does not wait for the disk: should the machine fail now, the schema stands at its old version, whole.
    Raises `StepFailed`; then nothing was changed.
    """
    schema, role = sql.Identifier(schema_of(target.id)), sql.Identifier(roles.tenant(target.id))
    opening = sql.SQL(OPENING).format(owner=sql.Identifier(roles.owner), timeout=LOCK_TIMEOUT, schema=schema)
    step = ""
    try:
        async with connection.transaction():
            await connection.execute(opening, prepare=False)
            row = await connection.execute(POOLED if target.is_pooled else TENANT, [target.id])
            (version,) = await row.fetchone() or (len(history),)
            if version >= len(history):
                return False
            await connection.execute(sql.SQL(GRANTING).format(schema=schema, role=role), prepare=False)
            for migration in history[version:]:
                step = migration.name
                await connection.execute(migration.for_roles(roles), prepare=False)
            step = ""
            await connection.execute(POOLED_AT if target.is_pooled else TENANT_AT, [len(history), target.id])
            await connection.execute("DELETE FROM master.migration_failures WHERE tenant_id = %s", [target.id])
    except Error as error:
        raise StepFailed(step, error) from error
    return True


async def migrate_master(connection: AsyncConnection, roles: Roles, migration: Migration) -> None:
    """One file of the master's history. Raises `StepFailed`; then nothing was changed."""
    try:
        async with connection.transaction():
            await become_owner(connection, roles)
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(migration.for_roles(roles), prepare=False)
            await connection.execute(
                "INSERT INTO master.migrations (version, name) VALUES (%s, %s)", [migration.version, migration.name]
            )
    except Error as error:
        raise StepFailed(migration.name, error) from error
