"""What routing does without an order: asking for balances, forgetting old decisions."""

import asyncio

import structlog

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from supplier_gateway.port import SupplierUnavailable
from supplier_gateway.routing import queries
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers
from supplier_gateway.suppliers.service import STOCK, Supplier

log = structlog.get_logger()

AT_ONCE = 8
PRUNED_AT_ONCE = 5_000
MOST_CENTS = 2**62


@periodic(seconds=60)
async def ask_for_balances(runtime: Runtime) -> None:
    """Asks each active supplier what it holds of ours. One that is silent keeps its figure, which grows old."""
    async with runtime.database.master_session() as session:
        known = await supplier_queries.all_suppliers(session)
    active = [one for one in known if one.state == "active" and one.protocol != STOCK]
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(supplier: Supplier) -> None:
        async with gate:
            try:
                adapter = await suppliers.adapter_of(runtime, supplier)
                cents = await adapter.balance_cents()
            except SupplierUnavailable as silent:
                log.info("balance_not_told", supplier=supplier.name, why=str(silent))
                return
            if abs(cents) < MOST_CENTS:
                async with runtime.database.master_session() as session:
                    await queries.balance_told(session, supplier.id, cents)

    await asyncio.gather(*(ask(supplier) for supplier in active))


@periodic(seconds=3600)
async def forget_old_decisions(runtime: Runtime) -> None:
    """Deletes decisions that are older than the rules say, some thousands in a transaction."""
    while True:
        async with runtime.database.master_session() as session:
            rules = await queries.rules(session)
            deleted = await queries.prune(session, rules.keep_days, PRUNED_AT_ONCE)
        if deleted < PRUNED_AT_ONCE:
            return
