"""From a payment that has arrived to the order it was for."""

from billing.ledger.errors import DepositTooLow
from billing.payments.service import PaymentReceived
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from tenants.notices import service as notices
from tenants.orders import baskets, live, queries, service
from tenants.orders.states import State


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


async def charge_paid_basket(runtime: Runtime, tenant: Tenant, basket_no: str) -> None:
    """The same for every order of a basket, each in a transaction of its own: what cannot be charged any more leaves
    its money in the wallet, and the others go on."""
    async with tenant.begin() as session:
        unpaid = [one.no for one in await baskets.orders_of(session, basket_no) if one.state == State.UNPAID]
    for no in unpaid:
        await charge_paid_order(runtime, tenant, no)
    await live.changed(runtime, tenant, basket_no)


CHARGED = {"order": charge_paid_order, "basket": charge_paid_basket}  # by what the payment is for


@follows(PaymentReceived, queue="payments")
async def spend_on_order(event: PaymentReceived, tenant: Tenant | None, runtime: Runtime) -> None:
    """Whatever became of the request that brought the payment, its order is charged."""
    if tenant is not None and event.purpose in CHARGED:
        await CHARGED[event.purpose](runtime, tenant, event.subject)
