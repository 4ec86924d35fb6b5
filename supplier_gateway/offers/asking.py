"""Asking one supplier for the stock of one offer, outside any transaction, and keeping what it says."""

import structlog

from kameng.infra.runtime import Runtime
from supplier_gateway.offers import queries, service
from supplier_gateway.offers.queries import Asked
from supplier_gateway.port import SupplierUnavailable
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers import service as suppliers

log = structlog.get_logger()

MOST = 2**31 - 1  # what the column holds


async def ask(runtime: Runtime, offer: Asked) -> bool:
    """Whether the supplier has told a figure that can be true. A supplier that is silent keeps its figure."""
    async with runtime.database.master_session() as session:
        supplier = await supplier_queries.supplier(session, offer.supplier_id)
    adapter = await suppliers.adapter_of(runtime, supplier)
    try:
        stock = await adapter.stock(offer.sku)
    except SupplierUnavailable as silent:
        log.info("stock_not_told", supplier=supplier.name, sku=offer.sku, why=str(silent))
        return False
    if stock is not None and not 0 <= stock <= MOST:
        log.warning("stock_makes_no_sense", supplier=supplier.name, sku=offer.sku)
        return False
    async with runtime.database.master_session() as session:
        sold = (await queries.sold_lately(session, [offer.good_id])).get(offer.good_id, 0)
        await service.stock_told(session, offer.id, stock, sold)
    return True
