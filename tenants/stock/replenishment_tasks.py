"""Shortage leads to a reminder, and cards that come to the orders that wait for them. Shells."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import text

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from kameng.cards.imports import CardsImported
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from supplier_gateway.replenishment import queries as gateway
from supplier_gateway.replenishment.service import Replenished
from tenants.orders import queries as orders
from tenants.orders.tasks import advance
from tenants.shop.errors import ProductGone
from tenants.stock import replenishment as service
from tenants.stock.service import StockLow

log = structlog.get_logger()

AT_A_TIME = 200

# Orders that wait for a good, the oldest first: there is a decision about each.
WAITING = text(
    """
    SELECT d.order_ref, d.tenant_id FROM order_deadlines d WHERE d.state = 'waiting'
    AND EXISTS (SELECT 1 FROM routing_decisions r WHERE r.order_ref = d.order_ref AND r.good_id = :good)
    ORDER BY d.due_at, d.order_ref LIMIT :limit
    """
)


class NeverReceived(Exception):
    """A letter tells of cards that there is no record of: a forgery."""


@follows(StockLow)
async def remind(event: StockLow, tenant: Tenant, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    async with tenant.begin() as session:
        try:
            await service.want(session, event.product_id, cause="low")
        except ProductGone:
            return


@follows(CardsImported, queue="orders")
async def serve_waiting(event: CardsImported, tenant: Tenant | None, runtime: Runtime) -> None:
    """A station's own cards are noted with their order; the master's go to whoever waits for them, at once."""
    if tenant is not None:
        async with tenant.begin() as session:
            await service.receive(session, event.item_id, event.import_id, event.added)
        return
    async with runtime.database.master_session() as session:
        found = await session.execute(WAITING, {"good": event.item_id, "limit": AT_A_TIME})
        waiting: Sequence[tuple[UUID, int]] = [(row.order_ref, row.tenant_id) for row in found]
    for order_id, tenant_id in waiting:
        try:
            await _serve(runtime, await runtime.directory.tenant(tenant_id), order_id)
        except (Later, KamengError) as error:  # its own letter comes again
            log.info("order_waits_on", order=str(order_id), why=str(error))


async def _serve(runtime: Runtime, tenant: Tenant, order_id: UUID) -> None:
    async with tenant.begin() as session:
        order = await orders.order(session, order_id)
    await advance(runtime, tenant, order)


@follows(Replenished, queue="orders")
async def post_cost(event: Replenished, _: None, runtime: Runtime) -> None:
    """Books what the supplier charged: from our balance there to the cards in stock. Once, by the replenishment's key;
    the letter is not believed, the record is."""
    async with runtime.database.master_session() as session:
        found = await gateway.find(session, event.reference)
        if found.state not in ("received", "partial"):
            raise NeverReceived(event.reference)
        if not found.cost_cents:
            return
        lines = [
            Line(MASTER, "supplier_wallet", str(found.supplier_id), -found.cost_cents),
            Line(MASTER, "card_stock", "", found.cost_cents),
        ]
        await ledger.post(session, f"replenishment:{found.id}", "replenishment", found.reference, lines)
