"""What happens to applications without a person. The opening itself is in `deploy.openings`, which knows how stations
are made."""

from uuid import UUID

import structlog

from billing.payments.service import OPENING, PaymentReceived
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant
from tenants.applications import service

log = structlog.get_logger()


async def count_money(runtime: Runtime, application_id: UUID) -> None:
    """After a payment: counts what was paid, and goes on when it is enough."""
    async with runtime.database.master_session() as session:
        await service.count_money(session, application_id)


@follows(PaymentReceived, queue="payments")
async def go_on_when_paid(event: PaymentReceived, tenant: Tenant | None, runtime: Runtime) -> None:
    """Whatever became of the request that brought the payment, the application goes on."""
    if tenant is None and event.purpose == OPENING:
        await count_money(runtime, UUID(event.subject))


@periodic(seconds=300)
async def sweep_applications(runtime: Runtime) -> None:
    """Ends applications that were not paid for within a day."""
    async with runtime.database.master_session() as session:
        swept = await service.sweep(session)
    if swept:
        log.info("applications_expired", applications=swept)
