"""A station's schema and database role: made, kept in the pool, dropped. The administrator's connection.

All of it is transactional in PostgreSQL, roles too: whoever is killed in the middle leaves nothing.
"""

from collections.abc import Sequence

from psycopg import AsyncConnection, sql

from kameng.infra.admin import become_owner
from kameng.infra.db import Roles
from kameng.infra.tenancy import schema_of

POOL_LOCK = 0x6B616D66  # pg advisory lock: the pool is counted and added to by one at a time
NEXT = "SELECT nextval(pg_get_serial_sequence('master.tenants', 'id'))::int"


async def next_number(connection: AsyncConnection) -> int:
    """The number of a station that nobody else will have. As the owner."""
    (number,) = await (await connection.execute(NEXT)).fetchone() or (0,)
    return int(number)


async def build(
    connection: AsyncConnection, roles: Roles, login: str, tenant_id: int, schema_sql: Sequence[bytes]
) -> None:
    """Makes role and schema of a number, and leaves the transaction with the owner's role and the new search path.

    `login` is the application's role; `schema_sql` the whole tenant history.
    """
    await connection.execute("RESET ROLE")
    schema, role = sql.Identifier(schema_of(tenant_id)), sql.Identifier(roles.tenant(tenant_id))
    to_login = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
    await connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(roles.tenants), role))
    await connection.execute(sql.SQL("GRANT {} TO {}" + to_login).format(role, sql.Identifier(login)))
    await connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(schema, sql.Identifier(roles.owner)))
    await become_owner(connection, roles)
    await connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(schema))
    await connection.execute(b"\n".join(schema_sql))
    await connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
    await connection.execute(
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(schema, role)
    )


async def pool(
    connection: AsyncConnection, roles: Roles, login: str, schema_sql: Sequence[bytes], target: int | None
) -> bool:
    """Puts one schema into the pool, in a transaction of its own, unless `target` of this version wait there already;
    without a target in any case. Returns whether it did.
    """
    version = len(schema_sql)
    async with connection.transaction():
        await become_owner(connection, roles)
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [POOL_LOCK])
        counted = await connection.execute("SELECT count(*) FROM master.pooled_schemas WHERE version = %s", [version])
        (waiting,) = await counted.fetchone() or (0,)
        if target is not None and waiting >= target:
            return False
        number = await next_number(connection)
        await build(connection, roles, login, number, schema_sql)
        await connection.execute("INSERT INTO master.pooled_schemas (id, version) VALUES (%s, %s)", [number, version])
    return True


async def drop(connection: AsyncConnection, roles: Roles, tenant_id: int) -> None:
    """Drops schema and role of a number, with all that is in them. Leaves the transaction with the owner's role."""
    await become_owner(connection, roles)
    await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema_of(tenant_id))))
    await connection.execute("RESET ROLE")
    await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(roles.tenant(tenant_id))))
    await become_owner(connection, roles)
