"""One look at a claimed or served domain, from reading the row to writing down what was seen: the edge of two short
transactions, with the wire between them."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from tenants.domains import names, probe, queries, service
from tenants.domains.errors import DomainGone
from tenants.domains.probe import Finding

AT_ONCE = 20
LEASE_S = 120  # who takes a row to look at it, and dies, delays it that long

DUE_CLAIMS = text(
    """
    UPDATE host_claims SET next_check_at = now() + make_interval(secs => :lease_s)
    WHERE id IN (
        SELECT c.id FROM host_claims c JOIN tenants t ON t.id = c.tenant_id AND t.state <> 'closed'
        WHERE c.state = 'pending' AND c.next_check_at <= now() ORDER BY c.next_check_at LIMIT :limit
        FOR UPDATE OF c SKIP LOCKED
    ) RETURNING id, tenant_id
    """
)
NEVER_CHECKED = text(
    "UPDATE hosts SET next_check_at = NULL"
    " WHERE next_check_at <= now() AND right(host, length(:suffix)) = CAST(:suffix AS text)"
)
DUE_HOSTS = text(
    """
    UPDATE hosts SET next_check_at = now() + make_interval(secs => :lease_s)
    WHERE host IN (
        SELECT h.host FROM hosts h JOIN tenants t ON t.id = h.tenant_id AND t.state <> 'closed'
        WHERE h.next_check_at <= now() ORDER BY h.next_check_at LIMIT :limit FOR UPDATE OF h SKIP LOCKED
    ) RETURNING host
    """
)


async def check(runtime: Runtime, tenant_id: int, claim_id: int) -> Finding:
    """Looks at a claim, and serves its domain if it is proved and leads here. Raises `DomainGone`."""
    async with runtime.database.master_session() as session:
        claim = await queries.claim(session, tenant_id, claim_id)
        subdomains = await _subdomains(session, runtime.settings, tenant_id)
    if not claim.is_live:
        return Finding(claim.error, claim.seen, claim.proof)
    finding = await probe.look(runtime, claim, subdomains)
    async with runtime.database.master_session() as session:
        if finding.error:
            await service.note(session, claim, finding)
            return finding
        is_served = await service.serve(session, claim, finding.proof)
        if is_served:
            detail = {"domain": claim.host, "proof": finding.proof}
            await audit.record(session, "system", "domains.serve", str(tenant_id), detail)
    runtime.directory.forget()
    return finding if is_served else Finding("taken")


async def check_due_claims(runtime: Runtime) -> None:
    """Looks at the claims whose time has come, at most `AT_ONCE` of them."""
    async with runtime.database.master_session() as session:
        due = (await session.execute(DUE_CLAIMS, {"lease_s": LEASE_S, "limit": AT_ONCE})).all()
    await asyncio.gather(*(_check_unless_gone(runtime, row.tenant_id, row.id) for row in due))


async def check_due_hosts(runtime: Runtime) -> None:
    """Looks at the served domains whose day is over, at most `AT_ONCE` of them."""
    suffix = f".{runtime.settings.station_domain}"
    async with runtime.database.master_session() as session:
        await session.execute(NEVER_CHECKED, {"suffix": suffix})
        due = (await session.execute(DUE_HOSTS, {"lease_s": LEASE_S, "limit": AT_ONCE})).scalars().all()
    await asyncio.gather(*(_check_host(runtime, host) for host in due))


async def _check_unless_gone(runtime: Runtime, tenant_id: int, claim_id: int) -> None:
    try:
        await check(runtime, tenant_id, claim_id)
    except DomainGone:  # withdrawn in the meantime
        return


async def _check_host(runtime: Runtime, host: str) -> None:
    finding = await probe.look_again(runtime.settings, host)
    async with runtime.database.master_session() as session:
        await service.note_host(session, host, finding)


async def _subdomains(session: AsyncSession, settings: Settings, tenant_id: int) -> Sequence[str]:
    hosts = await queries.hosts(session, tenant_id)
    return [one.host for one in hosts if names.is_subdomain(settings, one.host)]
