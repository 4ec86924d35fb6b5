"""What happens to tickets without a person. Shells."""

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from tenants.aftersale import live, service, settings
from tenants.aftersale.service import TicketAnswered, TicketOpened


@follows(TicketOpened, queue="aftersale")
async def count_heat_again(event: TicketOpened, tenant: Tenant, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    """Finds the peak hours anew where they rest on what was counted more than a day ago."""
    async with tenant.begin() as session:
        if (await settings.schedule(session)).is_stale(clock.now()):
            await settings.count_heat(session, tenant.time_zone)


@follows(TicketAnswered, queue="aftersale")
async def close_silent(event: TicketAnswered, tenant: Tenant, runtime: Runtime) -> None:
    """Closes a ticket whose buyer has said nothing to the answer for some days."""
    async with tenant.begin() as session:
        closed = await service.close_if_silent(session, event.ticket_id, event.at)
    if closed:
        await live.changed(runtime, tenant, closed.no)
