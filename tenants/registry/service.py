"""Opening a station: its row, its database role, its schema, its hosts; all in one transaction."""

import re
from collections.abc import Sequence

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from kameng.infra.admin import become_owner
from kameng.infra.db import Roles
from kameng.infra.tenancy import schema_of
from tenants.registry.errors import BadSlug, HostTaken, SlugTaken, StationGone

SET_TIER = text("UPDATE tenants SET tier_id = :tier_id, tier_since = now() WHERE id = :id RETURNING name")
# A closed station stays closed: its schema may be gone.
SET_STATE = text("UPDATE tenants SET state = :state WHERE id = :id AND state <> 'closed' RETURNING name")
SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


class TenantDraft(Struct, frozen=True, kw_only=True):
    """What a new station starts with. `accent` is `#rrggbb`; the first host is the primary one."""

    slug: str
    name: str
    tier_id: int
    hosts: Sequence[str]
    accent: str = "#2563eb"
    notice: str = ""
    contact: str = ""
    locale: str = "zh_CN"
    time_zone: str = "Asia/Shanghai"


async def open_tenant(
    connection: AsyncConnection, roles: Roles, login: str, draft: TenantDraft, schema_sql: Sequence[bytes]
) -> int:
    """Makes the station and returns its number. `connection` is the administrator's; `login` the application's role;
    `schema_sql` the whole tenant history. Raises `BadSlug`, `SlugTaken`, `HostTaken`; then nothing was made."""
    if not SLUG.fullmatch(draft.slug):
        raise BadSlug(field="slug")
    try:
        async with connection.transaction():
            tenant_id = await _insert(connection, roles, draft, version=len(schema_sql))
            await _create_role(connection, roles, tenant_id, login)
            await _create_schema(connection, roles, tenant_id, schema_sql)
    except UniqueViolation as error:
        if error.diag.table_name == "hosts":
            raise HostTaken(field="hosts") from None
        raise SlugTaken(field="slug") from None
    return tenant_id


async def _insert(connection: AsyncConnection, roles: Roles, draft: TenantDraft, version: int) -> int:
    async with connection.transaction():
        await become_owner(connection, roles)
        row = await connection.execute(
            "INSERT INTO master.tenants (slug, name, tier_id, accent, notice, contact, locale, time_zone, version)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            [
                draft.slug, draft.name, draft.tier_id, draft.accent, draft.notice, draft.contact,
                draft.locale, draft.time_zone, version,
            ],
        )  # fmt: skip
        (tenant_id,) = await row.fetchone() or (0,)
        for position, host in enumerate(draft.hosts):
            await connection.execute(
                "INSERT INTO master.hosts (host, tenant_id, is_primary) VALUES (%s, %s, %s)",
                [host.lower(), tenant_id, position == 0],
            )
        await connection.execute("RESET ROLE")
    return int(tenant_id)


async def _create_role(connection: AsyncConnection, roles: Roles, tenant_id: int, login: str) -> None:
    role = sql.Identifier(roles.tenant(tenant_id))
    to_login = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
    await connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(roles.tenants), role))
    await connection.execute(sql.SQL("GRANT {} TO {}" + to_login).format(role, sql.Identifier(login)))


async def _create_schema(
    connection: AsyncConnection, roles: Roles, tenant_id: int, schema_sql: Sequence[bytes]
) -> None:
    schema, role = sql.Identifier(schema_of(tenant_id)), sql.Identifier(roles.tenant(tenant_id))
    await connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(schema, sql.Identifier(roles.owner)))
    await become_owner(connection, roles)
    await connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(schema))
    await connection.execute(b"\n".join(schema_sql))
    await connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
    await connection.execute(
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(schema, role)
    )


async def change_tier(session: AsyncSession, tenant_id: int, tier_id: int) -> str:
    """Gives a station another price level, from its next sale on. Returns its name. Master session.

    Raises `StationGone`, `TierGone`. Call `directory.forget()` after the commit.
    """
    await wholesale.tier(session, tier_id)
    name = (await session.execute(SET_TIER, {"id": tenant_id, "tier_id": tier_id})).scalar_one_or_none()
    if name is None:
        raise StationGone
    return str(name)


async def suspend(session: AsyncSession, tenant_id: int, *, suspended: bool) -> str:
    """Closes a shop to its buyers for a time, or opens it again; its console stays open. Returns its name.

    Master session. Raises `StationGone`. Call `directory.forget()` after the commit.
    """
    state = "suspended" if suspended else "active"
    name = (await session.execute(SET_STATE, {"id": tenant_id, "state": state})).scalar_one_or_none()
    if name is None:
        raise StationGone
    return str(name)
