"""Asking suppliers what they have."""

import structlog

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from supplier_gateway.adapters import registry
from supplier_gateway.offers import queries, service
from supplier_gateway.port import SupplierUnavailable
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers

log = structlog.get_logger()

MOST = 2**31 - 1  # what the column holds


@periodic(seconds=20)
async def refresh_stock(runtime: Runtime) -> None:
    """Asks for the stock of each active offer, outside any transaction. A supplier that is silent keeps its figure."""
    async with runtime.database.master_session() as session:
        offers = await queries.polled(session)
    for offer in offers:
        async with runtime.database.master_session() as session:
            supplier = await supplier_queries.supplier(session, offer.supplier_id)
        if not registry.entry(supplier.protocol).has_goods:  # what was written by hand stays
            continue
        adapter = await suppliers.adapter_of(runtime, supplier)
        try:
            stock = await adapter.stock(offer.sku)
        except SupplierUnavailable as silent:
            log.info("stock_not_told", supplier=offer.supplier, sku=offer.sku, why=str(silent))
            continue
        if stock is not None and not 0 <= stock <= MOST:
            log.warning("stock_makes_no_sense", supplier=offer.supplier, sku=offer.sku)
            continue
        async with runtime.database.master_session() as session:
            await service.stock_told(session, offer.id, stock)
