"""Domains of a station: claimed, proved, served, chosen, given back.

A claim becomes a host when it is proved. The primary key of `hosts` settles who was first; nothing else needs a lock.
`claim`, `withdraw`, `make_primary` and `remove` take the master's session or the station's own; the rest the master's.
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.settings import Settings
from tenants.domains import names, queries
from tenants.domains.errors import (
    DomainGone,
    DomainIsYours,
    DomainStrays,
    DomainTaken,
    LastSubdomainStays,
    PrimaryStays,
    TooManyClaims,
)
from tenants.domains.probe import Finding
from tenants.domains.queries import TRIED_FOR, Claim, Host

MOST_CLAIMS = 50

DROP_OVER = text(
    "DELETE FROM host_claims WHERE tenant_id = :tenant_id AND host = :host AND state <> 'pending' RETURNING token"
)
COUNT = text("SELECT count(*) FROM host_claims WHERE tenant_id = :tenant_id AND state = 'pending'")
CLAIM = text(
    "INSERT INTO host_claims (tenant_id, host, token) VALUES (:tenant_id, :host, :token)"
    " ON CONFLICT (tenant_id, host) DO NOTHING"
)
FIND = text("SELECT id FROM host_claims WHERE tenant_id = :tenant_id AND host = :host")
WITHDRAW = text("DELETE FROM host_claims WHERE tenant_id = :tenant_id AND id = :id RETURNING host")
DEMOTE = text("UPDATE hosts SET is_primary = false WHERE tenant_id = :tenant_id AND is_primary")
PROMOTE = text("UPDATE hosts SET is_primary = true WHERE tenant_id = :tenant_id AND host = :host")
REMOVE = text("DELETE FROM hosts WHERE tenant_id = :tenant_id AND host = :host")
GIVE = text(
    "INSERT INTO hosts (host, tenant_id) SELECT :host, id FROM tenants WHERE id = :tenant_id AND state <> 'closed'"
    " ON CONFLICT (host) DO NOTHING RETURNING host"
)
SERVE = text(
    """
    INSERT INTO hosts (host, tenant_id, proof, checked_at, next_check_at)
    SELECT c.host, c.tenant_id, :proof, now(), now() + interval '1 day'
    FROM host_claims c JOIN tenants t ON t.id = c.tenant_id AND t.state <> 'closed' WHERE c.id = :id
    ON CONFLICT (host) DO NOTHING RETURNING host
    """
)
SETTLED = text("DELETE FROM host_claims WHERE id = :id RETURNING id")
OURS_ALREADY = text(
    "DELETE FROM host_claims WHERE id = :id AND EXISTS"
    " (SELECT 1 FROM hosts h WHERE h.host = host_claims.host AND h.tenant_id = host_claims.tenant_id) RETURNING id"
)
LOSE = text(
    "UPDATE host_claims SET state = 'lost', error = 'taken', seen = '', checked_at = now()"
    " WHERE host = :host AND state = 'pending' AND EXISTS (SELECT 1 FROM hosts h WHERE h.host = host_claims.host)"
    " RETURNING tenant_id"
)
LAPSE = text(
    "UPDATE host_claims SET state = 'lapsed' WHERE state = 'pending' AND created_at < now() - :tried_for"
    " RETURNING tenant_id, host"
)
# Looked at again after 1, 2, 4, ... minutes, at most six hours.
NOTE = text(
    """
    UPDATE host_claims SET error = :error, seen = :seen, proof = :proof, checked_at = now(), attempts = attempts + 1,
        next_check_at = now() + LEAST(interval '6 hours', interval '1 minute' * power(2, LEAST(attempts, 9)))
    WHERE id = :id AND state = 'pending'
    """
)
# What strays is looked at every hour. What could not be found out leaves what was known.
NOTE_HOST = text(
    """
    UPDATE hosts SET error = CASE :error WHEN 'unknown' THEN hosts.error ELSE :error END,
        seen = CASE :error WHEN 'unknown' THEN hosts.seen ELSE :seen END, checked_at = now(),
        next_check_at = now() + CASE :error WHEN '' THEN interval '1 day' ELSE interval '1 hour' END
    FROM (SELECT host, error FROM hosts WHERE host = :host FOR UPDATE) AS before
    WHERE hosts.host = before.host
    RETURNING hosts.tenant_id, before.error = '' AND hosts.error <> '' AS has_strayed
    """
)
RELEASE_HOSTS = text("DELETE FROM hosts WHERE tenant_id = :tenant_id RETURNING host")
RELEASE_CLAIMS = text("DELETE FROM host_claims WHERE tenant_id = :tenant_id")


class HostsChanged(Event, frozen=True):
    """Hosts are served that were not, or the other way round."""


class DomainServed(Event, frozen=True):
    """A claimed domain is proved and served now."""

    tenant_id: int
    host: str


class DomainLost(Event, frozen=True):
    """Another station has proved a domain that this one had claimed."""

    tenant_id: int
    host: str


class DomainLapsed(Event, frozen=True):
    """Seven days went by without a proof."""

    tenant_id: int
    host: str


class DomainStrayed(Event, frozen=True):
    """A served domain no longer leads here. `error` and `seen` as in `Finding`."""

    tenant_id: int
    host: str
    error: str
    seen: str


async def claim(session: AsyncSession, settings: Settings, tenant_id: int, domain: str) -> int:
    """Notes that a station says `domain` is its own; it is served once that is proved. Returns the claim's number.

    Claimed again, nothing changes; after it has lapsed or was lost it is tried afresh, with the same token. Raises
    `BadDomain`, `DomainIsOurs`, `DomainTaken`, `DomainIsYours`, `TooManyClaims`, each at the field `domain`.
    """
    host = await check(session, settings, domain, tenant_id)
    one = {"tenant_id": tenant_id, "host": host}
    token = (await session.execute(DROP_OVER, one)).scalar_one_or_none() or secrets.token_hex(16)
    await session.execute(CLAIM, one | {"token": token})
    if (await session.execute(COUNT, one)).scalar_one() > MOST_CLAIMS:
        raise TooManyClaims(field="domain", most=MOST_CLAIMS)
    return int((await session.execute(FIND, one)).scalar_one())


async def check(session: AsyncSession, settings: Settings, domain: str, tenant_id: int | None = None) -> str:
    """The host that `domain` stands for, if it may be claimed at all; without `tenant_id` by a station that is yet to
    be opened. Raises as `claim` does."""
    host = names.domain_name(settings, domain)
    if await queries.is_served(session, host):
        own = [one.host for one in await queries.hosts(session, tenant_id)] if tenant_id is not None else []
        raise (DomainIsYours if host in own else DomainTaken)(field="domain")
    return host


async def withdraw(session: AsyncSession, tenant_id: int, claim_id: int) -> str:
    """Takes a claim back. Returns its host. Raises `DomainGone`."""
    host = (await session.execute(WITHDRAW, {"tenant_id": tenant_id, "id": claim_id})).scalar_one_or_none()
    if host is None:
        raise DomainGone
    return str(host)


async def make_primary(session: AsyncSession, tenant_id: int, host: str) -> str:
    """Letters and other things that begin with us lead to this host from now on; all hosts go on being served. Returns
    the one that was primary before. Call `directory.forget()` after the commit. Raises `DomainGone`, `DomainStrays`."""
    hosts = await queries.locked_hosts(session, tenant_id)
    wanted = _one(hosts, host)
    if wanted.error:
        raise DomainStrays(domain=wanted.readable)
    before = next((one.host for one in hosts if one.is_primary), "")
    if before != host:
        await session.execute(DEMOTE, {"tenant_id": tenant_id})
        await session.execute(PROMOTE, {"tenant_id": tenant_id, "host": host})
    return before


async def remove(session: AsyncSession, settings: Settings, tenant_id: int, host: str) -> None:
    """Serves a host no longer. Call `directory.forget()` after the commit.

    Raises `DomainGone`, `PrimaryStays`, `LastSubdomainStays`.
    """
    hosts = await queries.locked_hosts(session, tenant_id)
    wanted = _one(hosts, host)
    if wanted.is_primary:
        raise PrimaryStays(domain=wanted.readable)
    others = [one for one in hosts if one.host != host and names.is_subdomain(settings, one.host)]
    if names.is_subdomain(settings, host) and not others:
        raise LastSubdomainStays(domain=wanted.readable)
    await session.execute(REMOVE, {"tenant_id": tenant_id, "host": host})
    await outbox.record(session, HostsChanged())


async def give_subdomain(session: AsyncSession, settings: Settings, tenant_id: int, label: str) -> str:
    """One more name under the deployment's own domain, served at once. Returns the host. Master session; call
    `directory.forget()` after the commit. Raises `BadLabel`, `DomainTaken`, `DomainGone` of a closed station."""
    host = names.subdomain(settings, label)
    if await queries.is_served(session, host):
        raise DomainTaken(field="label")
    if (await session.execute(GIVE, {"tenant_id": tenant_id, "host": host})).scalar_one_or_none() is None:
        raise DomainGone
    await outbox.record(session, HostsChanged())
    return host


async def serve(session: AsyncSession, claim: Claim, proof: str) -> bool:
    """A proved claim becomes a host, and all others' claims of it are lost; false when another station was faster.

    Master session; call `directory.forget()` after the commit. Raises `DomainGone` when the claim was
    withdrawn, or its station closed.
    The host is written before any claim is touched: whoever comes second waits there, holding nothing.
    """
    is_first = (await session.execute(SERVE, {"id": claim.id, "proof": proof})).scalar_one_or_none() is not None
    if is_first:
        if (await session.execute(SETTLED, {"id": claim.id})).scalar_one_or_none() is None:
            raise DomainGone
        await outbox.record(session, DomainServed(claim.tenant_id, claim.host))
        await outbox.record(session, HostsChanged())
    elif (await session.execute(OURS_ALREADY, {"id": claim.id})).scalar_one_or_none() is not None:
        return True  # the master gave it in the meantime
    elif not await queries.is_served(session, claim.host):
        raise DomainGone
    for row in await session.execute(LOSE, {"host": claim.host}):
        await outbox.record(session, DomainLost(row.tenant_id, claim.host))
    return is_first


async def force(session: AsyncSession, claim: Claim, by: str, reason: str, address: str) -> None:
    """The operator vouches for a claim. Master session; call `directory.forget()` after the commit. Raises
    `DomainTaken`, `DomainGone`."""
    if not await serve(session, claim, "operator"):
        raise DomainTaken
    detail = {"domain": claim.host, "reason": reason}
    await audit.record(session, by, "domains.force", str(claim.tenant_id), detail, address)


async def note(session: AsyncSession, claim: Claim, finding: Finding) -> None:
    """What a look at a claim has shown, and when to look again. Master session."""
    found = {"error": finding.error, "seen": finding.seen, "proof": finding.proof}
    await session.execute(NOTE, {"id": claim.id} | found)


async def note_host(session: AsyncSession, host: str, finding: Finding) -> None:
    """What a look at a served host has shown. It is never taken off for that. Master session."""
    values = {"host": host, "error": finding.error, "seen": finding.seen}
    row = (await session.execute(NOTE_HOST, values)).one_or_none()
    if row is not None and row.has_strayed:
        await outbox.record(session, DomainStrayed(row.tenant_id, host, finding.error, finding.seen))


async def lapse(session: AsyncSession) -> None:
    """Gives up on claims that were not proved in seven days. Master session."""
    for row in await session.execute(LAPSE, {"tried_for": TRIED_FOR}):
        await outbox.record(session, DomainLapsed(row.tenant_id, row.host))


async def hosts_changed(session: AsyncSession) -> None:
    """For whoever has opened or closed a station: what stands before the application hears of it at once."""
    await outbox.record(session, HostsChanged())


async def release(session: AsyncSession, tenant_id: int) -> list[str]:
    """Gives up all hosts and claims of a station that is closed for good, so that others may have them. Returns the
    hosts. Master session; call `directory.forget()` after the commit."""
    hosts = list((await session.execute(RELEASE_HOSTS, {"tenant_id": tenant_id})).scalars())
    await session.execute(RELEASE_CLAIMS, {"tenant_id": tenant_id})
    await outbox.record(session, HostsChanged())
    return hosts


def _one(hosts: Sequence[Host], host: str) -> Host:
    found = next((one for one in hosts if one.host == host), None)
    if found is None:
        raise DomainGone
    return found
