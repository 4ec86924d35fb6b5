"""What happens to orders without a person. Shells: short transactions, none across the wire."""

from datetime import timedelta

import structlog

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from supplier_gateway.port import Outcome
from supplier_gateway.purchases import queries as purchase_queries
from supplier_gateway.purchases import service as purchases
from supplier_gateway.purchases.service import PurchaseDelivered, Receipt, Request
from tenants.orders import live, queries, service
from tenants.orders.models import Order
from tenants.orders.service import OrderPaid, OrderPlaced

log = structlog.get_logger()

SOON_S = 2.0
LATEST_S = 60.0
WAITS_AT_MOST = timedelta(hours=24)  # then the money goes back, as the order's page promises


class NeverDelivered(Exception):
    """A letter tells of a delivery that there is no record of: a forgery."""


@follows(OrderPaid, queue="orders")
async def buy_from_supplier(event: OrderPaid, tenant: Tenant, runtime: Runtime) -> None:
    """Delivers a charged order: from suppliers, or from stock that has come in. Comes again until it is final."""
    async with tenant.begin() as session:
        order = await queries.order(session, event.order_id)
    if order.final or order.good_id is None:
        return
    request = Request(tenant.id, order.id, order.no, order.good_id, order.quantity)
    receipt = await purchases.fulfil(runtime, request)
    if receipt.outcome is Outcome.DELIVERED:
        sealer = await runtime.keyring.tenant(tenant.id)
        async with tenant.begin() as session:
            await service.deliver(session, sealer, order.id, receipt.cards)
    elif not await _delivered_from_stock(runtime, tenant, order, receipt):
        if receipt.outcome is Outcome.FAILED and clock.now() - order.created_at > WAITS_AT_MOST:
            await _give_back(runtime, tenant, order)
            return
        async with tenant.begin() as session:
            await service.wait(session, order, _reason(receipt))
        await live.changed(runtime, tenant, order.no)
        raise Later(_patience_s(order), _reason(receipt))
    await live.changed(runtime, tenant, order.no)


async def _delivered_from_stock(runtime: Runtime, tenant: Tenant, order: Order, receipt: Receipt) -> bool:
    if receipt.outcome is not Outcome.FAILED:
        return False
    vault = await runtime.keyring.vault(tenant.id)
    async with tenant.begin() as session:
        return await service.deliver_from_stock(session, vault, order)


async def _give_back(runtime: Runtime, tenant: Tenant, order: Order) -> None:
    async with tenant.begin() as session:
        await service.refund(session, order.no, "not_delivered")
    await live.changed(runtime, tenant, order.no)


def _reason(receipt: Receipt) -> str:
    """A word that the order page translates for the buyer; the supplier is never named."""
    if receipt.outcome is Outcome.FAILED:
        return "out_of_stock" if receipt.fault == "out_of_stock" else "supplier_down"
    return "checking"


def _patience_s(order: Order) -> float:
    """Soon at first; then at a quarter of the order's age, at most every minute: some suppliers never finish."""
    age_s = (clock.now() - order.created_at).total_seconds()
    return max(SOON_S, min(LATEST_S, age_s / 4))


@follows(OrderPlaced, queue="orders")
async def expire_unpaid(event: OrderPlaced, tenant: Tenant, runtime: Runtime) -> None:
    """Ends an order whose money has not come in time. Money that comes later stays in the buyer's wallet."""
    async with tenant.begin() as session:
        order = await queries.order(session, event.order_id)
        expired = await service.expire(session, order.id, "not_paid")
    if expired:
        await live.changed(runtime, tenant, order.no)


@follows(PurchaseDelivered, queue="orders")
async def post_supplier_cost(event: PurchaseDelivered, _: None, runtime: Runtime) -> None:
    """Books what the supplier charged: from our balance there to the cost of sales. Once, by the purchase's key.

    The purchase is read and the letter not believed: tenants may write letters too, and these are the master's books.
    """
    async with runtime.database.master_session() as session:
        purchase = await purchase_queries.by_reference(session, event.reference)
        if purchase.state != "delivered":
            raise NeverDelivered(event.reference)
        supplier, cents = str(purchase.supplier_id), purchase.cost_cents
        lines = [
            Line(MASTER, "supplier_wallet", supplier, -cents),
            Line(MASTER, "supplier_cost", supplier, cents),
        ]
        await ledger.post(session, f"purchase:{purchase.id}", "purchase", purchase.reference, lines)
