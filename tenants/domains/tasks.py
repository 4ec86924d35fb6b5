"""What happens to domains without a person: looked at again, told about, written where Caddy reads."""

from pathlib import Path

from kameng.core.errors import NotFound
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant
from tenants.domains import checking, folder, service
from tenants.domains.service import DomainLapsed, DomainLost, DomainServed, DomainStrayed, HostsChanged
from tenants.notices import service as notices


@periodic(seconds=20)
async def check_claims(runtime: Runtime) -> None:
    """Domains that wait for their proof, each at its own growing distance, for seven days."""
    async with runtime.database.master_session() as session:
        await service.lapse(session)
    await checking.check_due_claims(runtime)


@periodic(seconds=60)
async def check_hosts(runtime: Runtime) -> None:
    """Domains that are served, each once a day."""
    await checking.check_due_hosts(runtime)


@periodic(seconds=60)
async def reconcile_folder(runtime: Runtime) -> None:
    """What Caddy may have missed: whatever was written while nobody followed."""
    await _export(runtime)


@follows(HostsChanged)
async def renew_folder(_event: HostsChanged, _tenant: Tenant | None, runtime: Runtime) -> None:
    """Caddy may ask for a certificate as soon as a host is served."""
    await _export(runtime)


@follows(DomainServed)
async def tell_served(event: DomainServed, _tenant: Tenant | None, runtime: Runtime) -> None:
    tenant = await _open_station(runtime, event.tenant_id)
    if tenant is not None:
        async with tenant.begin() as session:
            await notices.tell(session, "domain_served", event.host)


@follows(DomainLost)
async def tell_lost(event: DomainLost, _tenant: Tenant | None, runtime: Runtime) -> None:
    tenant = await _open_station(runtime, event.tenant_id)
    if tenant is not None:
        async with tenant.begin() as session:
            await notices.tell(session, "domain_lost", event.host)


@follows(DomainLapsed)
async def tell_lapsed(event: DomainLapsed, _tenant: Tenant | None, runtime: Runtime) -> None:
    tenant = await _open_station(runtime, event.tenant_id)
    if tenant is not None:
        async with tenant.begin() as session:
            await notices.tell(session, "domain_lapsed", event.host)


@follows(DomainStrayed)
async def tell_strayed(event: DomainStrayed, _tenant: Tenant | None, runtime: Runtime) -> None:
    tenant = await _open_station(runtime, event.tenant_id)
    if tenant is not None:
        async with tenant.begin() as session:
            await notices.tell(session, "domain_strayed", event.host, error=event.error, seen=event.seen)


async def _export(runtime: Runtime) -> None:
    if runtime.settings.hosts_folder:
        await folder.export(runtime, Path(runtime.settings.hosts_folder))


async def _open_station(runtime: Runtime, tenant_id: int) -> Tenant | None:
    """None when the station was closed in the meantime: nobody is left to be told."""
    try:
        return await runtime.directory.tenant(tenant_id)
    except NotFound:
        return None
