"""Keeping an eye on what is left. Shells."""

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kameng.cards.imports import CardsImported
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant, begin_as
from tenants.stock import service

log = structlog.get_logger()

OPEN = text("SELECT id FROM tenants WHERE state IN ('trial', 'active') ORDER BY id")


@periodic(seconds=60)
async def watch_levels(runtime: Runtime) -> None:
    """Each open station in a transaction of its own; one that is being moved or closed stops nobody else."""
    async with runtime.database.master_session() as session:
        stations = list((await session.execute(OPEN)).scalars())
    for tenant_id in stations:
        try:
            async with begin_as(runtime.database, tenant_id) as session:
                await service.measure(session)
        except DBAPIError as error:
            log.warning("stock_not_counted", tenant=tenant_id, error=str(error.orig))


@follows(CardsImported, queue="cards")
async def count_again(event: CardsImported, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    """A product's cards have come. The master's goods are counted by each station in its turn."""
    if tenant is not None:
        async with tenant.begin() as session:
            await service.measure(session, [event.item_id])
