"""What follows a notice: each channel that carries it gets a delivery, and open pages look at their bell."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from kameng.identity import standing
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from tenants.notices import channels, delivery, queries, service
from tenants.notices.channels import Channel
from tenants.notices.kinds import Kind, of_place
from tenants.notices.places import Place
from tenants.notices.service import NoticeTold
from tenants.orders import queries as orders

OF_ORDERS = "order_waits"


@follows(NoticeTold, queue="notices")
async def spread(event: NoticeTold, tenant: Tenant | None, runtime: Runtime) -> None:
    """A notice that was read meanwhile was told: nothing more is sent of it."""
    place = Place(runtime=runtime, tenant=tenant)
    async with place.begin() as session:
        notice = await queries.notice(session, event.notice_id)
        active = await channels.active(session)
    kind = of_place(place.tenant_id).get(notice.kind) if notice else None
    if notice is not None and kind is not None and notice.read_at is None:
        entitled = await _entitled(place, kind, active)
        async with place.begin() as session:
            await delivery.spread(session, notice, kind, entitled, ZoneInfo(place.site.time_zone))
    async with place.begin() as session:
        if tenant is not None and notice is not None and notice.kind == OF_ORDERS:
            subjects = await queries.oldest_subjects(session, OF_ORDERS)
            waiting = await orders.waiting(session, subjects)
            await service.settle(session, OF_ORDERS, [no for no in subjects if no not in waiting])
        await service.forget_old(session)
    await place.changed()


async def _entitled(place: Place, kind: Kind, active: Sequence[Channel]) -> list[Channel]:
    """The team's channels, and those of people who still work here and whom the kind concerns."""
    found: list[Channel] = []
    for channel in active:
        if channel.staff_id is not None:
            stands = await standing.of(place.runtime.database, channel.staff_id, place.tenant_id)
            if stands is None or kind.concerns not in stands.permissions:
                continue
        found.append(channel)
    return found
