"""A station's schema and database role: made, kept in the pool, dropped. The administrator's connection.

All of it is transactional in PostgreSQL, roles too: whoever is killed in the middle leaves nothing.
"""

from msgspec import Struct
from psycopg import AsyncConnection, sql

from kameng.infra.admin import become_owner
from kameng.infra.db import Roles
from kameng.infra.tenancy import schema_of

POOL_LOCK = 0x6B616D66  # pg advisory lock: the pool is counted and added to by one at a time
# Tables to come get the tenant's rights as they are made: GRANT ON ALL TABLES would read the whole catalogue, which
# grows with the stations, and write every table's row of it again.
OPENING = """
    RESET ROLE;
    CREATE ROLE {role} NOLOGIN;
    GRANT {tenants} TO {role};
    GRANT {role} TO {login}"""
MAKING = """;
    CREATE SCHEMA {schema} AUTHORIZATION {owner};
    SET LOCAL ROLE {owner};
    SET LOCAL search_path TO {schema};
    GRANT USAGE ON SCHEMA {schema} TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
"""
NEXT = "SELECT nextval(pg_get_serial_sequence('master.tenants', 'id'))::int"


class Script(Struct, frozen=True):
    """The SQL that makes all of a tenant's schema, and the version at which the schema then stands."""

    version: int
    sql: bytes


async def next_number(connection: AsyncConnection) -> int:
    """The number of a station that nobody else will have. As the owner."""
    (number,) = await (await connection.execute(NEXT)).fetchone() or (0,)
    return int(number)


async def build(connection: AsyncConnection, roles: Roles, login: str, tenant_id: int, script: Script) -> None:
    """Makes role and schema of a number, and leaves the transaction with the owner's role and the new search path.

    `login` is the application's role. All of it is one round trip.
    """
    to_login = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    opening = sql.SQL(OPENING + to_login + MAKING).format(
        schema=sql.Identifier(schema_of(tenant_id)),
        role=sql.Identifier(roles.tenant(tenant_id)),
        tenants=sql.Identifier(roles.tenants),
        login=sql.Identifier(login),
        owner=sql.Identifier(roles.owner),
    )
    await connection.execute(opening.as_bytes(connection) + script.sql, prepare=False)


async def pool(connection: AsyncConnection, roles: Roles, login: str, script: Script, target: int | None) -> bool:
    """Puts one schema into the pool, in a transaction of its own, unless `target` of this version wait there already;
    without a target in any case. Returns whether it did.
    """
    version = script.version
    async with connection.transaction():
        await become_owner(connection, roles)
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [POOL_LOCK])
        counted = await connection.execute("SELECT count(*) FROM master.pooled_schemas WHERE version = %s", [version])
        (waiting,) = await counted.fetchone() or (0,)
        if target is not None and waiting >= target:
            return False
        number = await next_number(connection)
        await build(connection, roles, login, number, script)
        await connection.execute("INSERT INTO master.pooled_schemas (id, version) VALUES (%s, %s)", [number, version])
    return True


async def drop(connection: AsyncConnection, roles: Roles, tenant_id: int) -> None:
    """Drops schema and role of a number, with all that is in them. Leaves the transaction with the owner's role."""
    await become_owner(connection, roles)
    await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema_of(tenant_id))))
    await connection.execute("RESET ROLE")
    await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(roles.tenant(tenant_id))))
    await become_owner(connection, roles)
