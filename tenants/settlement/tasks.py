"""The owner is told what the master has decided of a withdrawal."""

from billing.payouts import queries
from billing.payouts.service import PayoutDecided
from kameng.core.errors import NotFound
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from tenants.notices import service as notices


@follows(PayoutDecided, queue="payments")
async def tell_of_payout(event: PayoutDecided, sender: Tenant | None, runtime: Runtime) -> None:
    """Of the row and not of the letter, which a tenant could have written too."""
    if sender is not None:
        return
    try:
        tenant = await runtime.directory.tenant(event.tenant_id)
    except NotFound:
        return
    async with tenant.begin() as session:
        payout = await queries.payout(session, event.payout_id)
        if payout.state == "paid":
            await notices.tell(session, "payout_paid", payout.no, cents=payout.paid_cents)
        elif payout.state == "declined":
            await notices.tell(session, "payout_declined", payout.no, reason=payout.reason)
