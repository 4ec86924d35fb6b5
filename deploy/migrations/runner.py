"""Brings the master and every tenant to the newest version. What is current is skipped by one query.

Each step is one transaction under a short lock timeout, so a failing tenant keeps its version and stops nobody else.
"""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from psycopg import AsyncConnection, Error, sql

from deploy.migrations.history import Migration, load
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import Roles, roles_of
from kameng.infra.settings import Settings
from kameng.infra.tenancy import schema_of

LOCK = 0x6B616D65  # pg advisory lock: one migration run at a time
LOCK_TIMEOUT = "3s"
Progress = Callable[[int, int], None]


class Report(Struct):
    """What a run did: versions applied to the master, tenants brought up, tenants that failed with why."""

    master: list[str] = []
    tenants: int = 0
    failed: dict[int, str] = {}


async def migrate(settings: Settings, progress: Progress = lambda done, total: None) -> Report:
    """Runs both histories. `progress(done, total)` counts tenants."""
    roles = roles_of(settings)
    report = Report()
    async with admin_connection(settings) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        await _prepare(connection, roles, login_of(settings.database_url))
        await _migrate_master(connection, roles, report)
        await _migrate_tenants(connection, roles, report, progress)
    return report


def login_of(url: str) -> str:
    """The role that a database address logs in as."""
    return unquote(urlsplit(url).username or "")


async def _prepare(connection: AsyncConnection, roles: Roles, login: str) -> None:
    """Roles, the schema `master` and its table of versions; all harmless when they are there."""
    async with connection.transaction():
        existing = {row[0] for row in await (await connection.execute("SELECT rolname FROM pg_roles")).fetchall()}
        for role in (roles.owner, roles.master, roles.tenants):
            if role not in existing:
                await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        await connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(roles.owner)))
        await grant_to_login(connection, roles.master, login)
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        # A temporary table stays on its connection and stands before every other of its name, for whoever comes next.
        await connection.execute(
            sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(roles.database))
        )
        await connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS master AUTHORIZATION {}").format(sql.Identifier(roles.owner))
        )
        await become_owner(connection, roles)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS master.migrations (version int PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        await connection.execute(
            sql.SQL("GRANT SELECT ON master.migrations TO {}").format(sql.Identifier(roles.master))
        )


async def grant_to_login(connection: AsyncConnection, role: str, login: str) -> None:
    """Lets the application take `role` by SET ROLE. Where PostgreSQL can say so (16 and later) it does not inherit it;
    before that the login must be NOINHERIT, which `kameng doctor` checks."""
    options = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    await connection.execute(
        sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), sql.Identifier(login))
    )


async def _migrate_master(connection: AsyncConnection, roles: Roles, report: Report) -> None:
    rows = await (await connection.execute("SELECT version FROM master.migrations")).fetchall()
    applied = {row[0] for row in rows}
    for migration in load("master"):
        if migration.version in applied:
            continue
        async with connection.transaction():
            await become_owner(connection, roles)
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(migration.for_roles(roles))
            await connection.execute(
                "INSERT INTO master.migrations (version, name) VALUES (%s, %s)", [migration.version, migration.name]
            )
        report.master.append(migration.name)


async def _migrate_tenants(
    connection: AsyncConnection, roles: Roles, report: Report, progress: Progress
) -> None:
    history = load("tenant")
    rows = await (
        await connection.execute(
            "SELECT id, version FROM master.tenants WHERE version < %s AND state <> 'closed' ORDER BY id",
            [len(history)],
        )
    ).fetchall()
    for number, (tenant_id, version) in enumerate(rows, start=1):
        try:
            await _migrate_tenant(connection, roles, tenant_id, history[version:])
            report.tenants += 1
        except Error as error:
            report.failed[tenant_id] = str(error).splitlines()[0]
        progress(number, len(rows))


async def _migrate_tenant(
    connection: AsyncConnection, roles: Roles, tenant_id: int, missing: tuple[Migration, ...]
) -> None:
    async with connection.transaction():
        await become_owner(connection, roles)
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        await connection.execute(
            sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema_of(tenant_id)))
        )
        for migration in missing:
            await connection.execute(migration.for_roles(roles))
        await connection.execute(
            "UPDATE master.tenants SET version = %s WHERE id = %s", [missing[-1].version, tenant_id]
        )
        await connection.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(
                sql.Identifier(schema_of(tenant_id)), sql.Identifier(roles.tenant(tenant_id))
            )
        )
