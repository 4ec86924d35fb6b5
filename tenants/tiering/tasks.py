"""The turn of the month. Shells."""

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant, begin_as
from tenants.notices import service as notices
from tenants.tiering import service
from tenants.tiering.service import TierRaised


@periodic(seconds=600)
async def judge_months(runtime: Runtime) -> None:
    """Months end at different moments in different zones, and each is judged once: so it is asked often."""
    await service.judge(runtime, clock.now())


@follows(TierRaised, queue="prices")
async def tell_owner(event: TierRaised, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    async with begin_as(runtime.database, event.tenant_id) as session:
        await notices.tell(session, "tier_raised", event.month, turnover_cents=event.turnover_cents)
