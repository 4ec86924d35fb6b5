"""From a payment that has arrived to the order it was for."""

from billing.ledger.errors import DepositTooLow
from billing.payments.service import PaymentReceived
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from tenants.notices import service as notices
from tenants.orders import live, queries, service


async def charge_paid_order(runtime: Runtime, tenant: Tenant, no: str) -> None:
    """Charges the order whose money is now in the wallet. When a rule says no, the money stays in the wallet, the order
    ends with the reason, and its page says so. Idempotent."""
    vault = await runtime.keyring.vault(tenant.id)
    try:
        async with tenant.begin() as session:
            await service.charge(session, vault, no)
    except KamengError as refusal:
        async with tenant.begin() as session:
            order = await queries.order_by_no(session, no)
            await service.expire(session, order.id, "money_in_wallet")
            if isinstance(refusal, DepositTooLow):
                await notices.tell(session, "deposit_low", "")
    await live.changed(runtime, tenant, no)


@follows(PaymentReceived, queue="payments")
async def spend_on_order(event: PaymentReceived, tenant: Tenant | None, runtime: Runtime) -> None:
    """Whatever became of the request that brought the payment, its order is charged."""
    if event.purpose == "order" and tenant is not None:
        await charge_paid_order(runtime, tenant, event.subject)
