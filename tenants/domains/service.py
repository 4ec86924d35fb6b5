"""Claiming domains. Master session."""

import secrets

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.settings import Settings
from kameng.web.addresses import host_of
from tenants.domains.errors import BadDomain, DomainIsOurs, DomainTaken

IS_SERVED = text("SELECT EXISTS (SELECT 1 FROM hosts WHERE host = :host)")
CLAIM = text(
    "INSERT INTO host_claims (tenant_id, host, token) VALUES (:tenant_id, :host, :token)"
    " ON CONFLICT (tenant_id, host) DO NOTHING"
)


async def claim(session: AsyncSession, settings: Settings, tenant_id: int, host: str) -> None:
    """Notes that a station says `host` is its own; it is served once that is proved. Claimed again, nothing changes.

    Raises `BadDomain`, `DomainIsOurs`, `DomainTaken`, each at the field `domain`.
    """
    await check(session, settings, host)
    await session.execute(CLAIM, {"tenant_id": tenant_id, "host": host, "token": secrets.token_hex(16)})


async def check(session: AsyncSession, settings: Settings, host: str) -> None:
    """Whether `host` may be claimed at all. Raises as `claim` does."""
    if host_of(host) != host or "." not in host:
        raise BadDomain(field="domain")
    if host in (settings.master_host, settings.station_domain) or host.endswith(f".{settings.station_domain}"):
        raise DomainIsOurs(field="domain")
    if (await session.execute(IS_SERVED, {"host": host})).scalar_one():
        raise DomainTaken(field="domain")
