"""Asking suppliers what they hold of ours."""

import asyncio

import structlog

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.port import SupplierUnavailable
from supplier_gateway.suppliers import queries, service
from supplier_gateway.suppliers.models import Supplier

log = structlog.get_logger()

AT_ONCE = 8


@periodic(seconds=300)
async def watch_balances(runtime: Runtime) -> None:
    """Asks every active supplier, some at a time, outside any transaction. Who is silent keeps his figure."""
    async with runtime.database.master_session() as session:
        suppliers = await queries.watched(session)
    free = asyncio.Semaphore(AT_ONCE)
    asked = [supplier for supplier in suppliers if supplier.protocol in PROTOCOLS]
    await asyncio.gather(*(_ask(runtime, supplier, free) for supplier in asked if _has_balance(supplier)))


def _has_balance(supplier: Supplier) -> bool:
    return PROTOCOLS[supplier.protocol].has_balance


async def _ask(runtime: Runtime, supplier: Supplier, free: asyncio.Semaphore) -> None:
    async with free:
        try:
            balance_cents = await (await service.adapter_of(runtime, supplier)).balance_cents()
        except SupplierUnavailable as silent:
            log.info("balance_not_told", supplier=supplier.name, why=str(silent))
            return
        async with runtime.database.master_session() as session:
            await service.balance_told(session, supplier.id, balance_cents)
