"""What follows the opening of a station."""

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant, begin_as
from tenants.registry.events import StationOpened
from tenants.shop import starter


@follows(StationOpened, queue="stations")
async def fill_shelf(event: StationOpened, _: Tenant | None, runtime: Runtime) -> None:
    """The master's own event, so the tenant is in it."""
    async with begin_as(runtime.database, event.tenant_id) as session:
        await starter.list_all(session, event.markup_percent)
