"""What nobody does but time: deposits that run low; and what the master's people are told of stations."""

from datetime import timedelta

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant
from tenants.notices import service
from tenants.plans.renewal import PlanUnpaid
from tenants.registry import queries as registry

MOST_AT_ONCE = 200


@periodic(seconds=3600)
async def watch_deposits(runtime: Runtime) -> None:
    """Once a day each station hears that its deposit does not last for three days: before an order is refused."""
    now = clock.now()
    async with runtime.database.master_session() as session:
        low = await registry.low_deposits(session, now - timedelta(days=7), limit=MOST_AT_ONCE, idle_too=False)
    for station in low:
        tenant = await runtime.directory.tenant(station.id)
        async with tenant.begin() as session:
            await service.tell_once(session, "deposit_short", f"{now:%Y-%m-%d}", cents=station.deposit_cents)


@follows(PlanUnpaid, queue="notices")
async def tell_the_master(event: PlanUnpaid, sender: Tenant | None, runtime: Runtime) -> None:
    """A tenant may write letters too, and of this one only the master's counts."""
    if sender is not None:
        return
    station = await runtime.directory.tenant(event.tenant_id)
    async with runtime.database.master_session() as session:
        subject = f"{event.tenant_id}:{event.until:%Y-%m-%d}"
        await service.tell_once(session, "station_overdue", subject, name=station.name, cents=event.price_cents)
