"""Opening a station: a schema from the pool or a fresh one, its row, its hosts; all in one transaction."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from kameng.infra.admin import become_owner
from kameng.infra.db import Roles
from tenants.registry import schemas
from tenants.registry.errors import BadSlug, HostTaken, SlugTaken, StationGone
from tenants.registry.schemas import Script

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
# Rows that another opening holds are passed over, and so are schemas of another version than this program's.
CLAIM = """
    DELETE FROM master.pooled_schemas WHERE id = (
        SELECT id FROM master.pooled_schemas WHERE version = %s ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
# With a plan: on trial for its trial days; without any it is due now, and the renewal charges it.
INSERT = """
    INSERT INTO master.tenants (id, slug, name, tier_id, accent, theme, notice, contact, locale, time_zone, version,
                                plan_id, state, paid_until)
    OVERRIDING SYSTEM VALUE
    SELECT %(id)s::int, %(slug)s, %(name)s, %(tier_id)s::int, %(accent)s, %(theme)s, %(notice)s, %(contact)s,
           %(locale)s, %(time_zone)s, %(version)s::int, %(plan_id)s::int,
           CASE WHEN p.trial_days > 0 THEN 'trial' ELSE 'active' END, now() + make_interval(days => p.trial_days)
    FROM (VALUES (1)) always LEFT JOIN master.plans p ON p.id = %(plan_id)s::int
"""
INSERT_HOST = "INSERT INTO master.hosts (host, tenant_id, is_primary) VALUES (%s, %s, %s)"
SET_TIER = text(
    "UPDATE tenants SET tier_id = :tier_id, tier_since = now() WHERE id = :id AND state <> 'closed' RETURNING name"
)


class TenantDraft(Struct, frozen=True, kw_only=True):
    """What a new station starts with. `accent` is `#rrggbb`; `hosts` are served at once, the first is the primary one;
    `domains` are only claimed until they are proved. `markup_percent`: all goods of the tier are listed at their
    wholesale price plus this; None: an empty shop.
    """

    slug: str
    name: str
    tier_id: int
    hosts: Sequence[str]
    domains: Sequence[str] = ()
    plan_id: int | None = None
    accent: str = "#2563eb"
    theme: str = "classic"
    notice: str = ""
    contact: str = ""
    locale: str = "zh_CN"
    time_zone: str = "Asia/Shanghai"
    markup_percent: Decimal | None = None


async def open_tenant(connection: AsyncConnection, roles: Roles, login: str, draft: TenantDraft, script: Script) -> int:
    """Makes the station and returns its number. `connection` is the administrator's; `login` the application's role.
    Raises `BadSlug`, `SlugTaken`, `HostTaken`; then nothing was made."""
    with refusals():
        async with connection.transaction():
            await become_owner(connection, roles)
            pooled = await claim(connection, script.version)
            tenant_id = await schemas.next_number(connection) if pooled is None else pooled
            await insert(connection, tenant_id, draft, script.version)
            if pooled is None:
                await schemas.build(connection, roles, login, tenant_id, script)
    return tenant_id


async def claim(connection: AsyncConnection[Any], version: int) -> int | None:
    """Takes a schema of this version out of the pool, for this transaction to use; None when none waits."""
    found = await (await connection.execute(CLAIM, [version])).fetchone()
    return int(found[0]) if found else None


async def insert(connection: AsyncConnection[Any], tenant_id: int, draft: TenantDraft, version: int) -> None:
    """The station's row and hosts, for a number whose schema is there at the commit. Run it in `refusals`."""
    if not SLUG.fullmatch(draft.slug):
        raise BadSlug(field="slug")
    values = {name: getattr(draft, name) for name in draft.__struct_fields__}
    await connection.execute(INSERT, {**values, "id": tenant_id, "version": version})
    for position, host in enumerate(draft.hosts):
        await connection.execute(INSERT_HOST, [host.lower(), tenant_id, position == 0])


@contextmanager
def refusals() -> Iterator[None]:
    """Turns what another station has already into `SlugTaken` or `HostTaken`."""
    try:
        yield
    except UniqueViolation as error:
        if error.diag.table_name == "hosts":
            raise HostTaken(field="hosts") from None
        raise SlugTaken(field="slug") from None


async def change_tier(session: AsyncSession, tenant_id: int, tier_id: int) -> str:
    """Gives a station another price level, from its next sale on. Returns its name. Master session.

    Raises `StationGone`, `TierGone`. Call `directory.forget()` after the commit.
    """
    await wholesale.tier(session, tier_id)
    name = (await session.execute(SET_TIER, {"id": tenant_id, "tier_id": tier_id})).scalar_one_or_none()
    if name is None:
        raise StationGone
    return str(name)
