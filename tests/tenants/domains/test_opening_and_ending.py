"""What stands before the application follows a station from its opening to its end; then its domains are free."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from deploy.provisioning import provisioner
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.domains import tasks
from tenants.domains.service import HostsChanged
from tenants.registry import closing, provisioning, queries, retirement
from tenants.registry.closing import Farewell
from tenants.registry.provisioning import By
from tenants.registry.service import TenantDraft
from tests.support.house import Shop, open_shop, work_off
from tests.tenants.domains.conftest import Domains

BY = By("操作员", "10.0.0.1")
Fresh = Callable[[], str]


def exporting(runtime: Runtime, folder: Path) -> Runtime:
    """The runtime of a deployment that has Caddy before it."""
    settings = msgspec.structs.replace(runtime.settings, hosts_folder=str(folder), closing_days=0)
    return msgspec.structs.replace(runtime, settings=settings)


async def end(runtime: Runtime, station: Shop) -> None:
    farewell = Farewell(name=station.tenant.name, reason="到期不续", accepted_cents=10**12)
    await closing.close(runtime, station.tenant.id, farewell, BY)
    await retirement.retire(runtime, station.tenant.id, BY)


async def test_a_new_stations_host_may_have_a_certificate_without_waiting_for_the_next_round(
    domains: Domains, shop: Shop, tmp_path: Path
) -> None:
    here = exporting(domains.runtime, tmp_path)
    slug = f"s-{ids.code(8).lower()}"
    async with here.database.master_session() as session:
        tier_id = (await queries.station(session, shop.tenant.id)).tier_id
    draft = TenantDraft(slug=slug, name="新店", tier_id=tier_id, hosts=[f"{slug}.localhost"])

    await provisioning.open_station(here, provisioner(here.settings), draft, None, 0, BY)
    await work_off(here)

    assert (tmp_path / f"{slug}.localhost").exists()


async def test_the_domain_of_a_station_that_was_ended_is_anothers_to_claim_and_loses_its_certificate(
    domains: Domains, fresh: Fresh, tmp_path: Path
) -> None:
    here = exporting(domains.runtime, tmp_path)
    ended, next_one, domain = await open_shop(here), await open_shop(here), fresh()
    await domains.served(ended, domain)
    await tasks.renew_folder(HostsChanged(), None, here)
    assert (tmp_path / domain).exists()

    await end(here, ended)
    await work_off(here)

    assert not (tmp_path / domain).exists()
    assert not (tmp_path / ended.tenant.host).exists()
    assert await domains.tenant_at(domain) is None
    await domains.served(next_one, domain)
    assert await domains.tenant_at(domain) == next_one.tenant.id
