"""Asking gateways ourselves: a notice can be lost, and some gateways send it once."""

from datetime import timedelta

import structlog

from billing.payments import queries, service
from billing.payments.service import COLLECT, PaymentOpened, PaymentReceived
from billing.payments.till import master_till
from kameng.core import clock
from kameng.core.errors import NotFound
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant

log = structlog.get_logger()

GIVE_UP_AFTER = timedelta(hours=24)


@follows(PaymentOpened, queue="payments")
async def ask_gateway(event: PaymentOpened, tenant: Tenant | None, runtime: Runtime) -> None:
    """Asks until the payment is paid: every few seconds at first, then ever less often, for a day."""
    till = tenant or master_till(runtime)
    if await service.confirm(runtime, till, event.payment_no):
        return
    async with till.begin() as session:
        payment = await queries.payment(session, event.payment_no)
    age = clock.now() - payment.created_at
    if age < GIVE_UP_AFTER:
        raise Later(max(5.0, age.total_seconds() / 4), "not paid yet")


@follows(PaymentReceived, queue="payments")
async def hand_to_station(event: PaymentReceived, sender: Tenant | None, runtime: Runtime) -> None:
    """Whatever became of the request that brought the notice, the station takes what the master has collected."""
    if sender is not None or event.purpose != COLLECT:
        return
    try:
        station = await runtime.directory.tenant(service.station_of(event.subject))
    except NotFound:  # closed for good: the money stays the master's to give back by hand
        log.error("collected_for_nobody", payment=event.payment_no, subject=event.subject)
        return
    await service.take(station, event.payment_no)
