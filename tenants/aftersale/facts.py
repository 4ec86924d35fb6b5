"""What the shop knows of a ticket and its order, in words that a buyer may read: the variables of templates."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.core.money import format_cents
from kameng.infra.tenancy import Tenant
from kameng.web.i18n import N_, gettext
from tenants.aftersale import queries
from tenants.aftersale.models import Ticket
from tenants.aftersale.states import Kind
from tenants.buyers import queries as buyers
from tenants.buyers.errors import BuyerGone
from tenants.orders import queries as orders
from tenants.orders.errors import OrderGone
from tenants.orders.states import State

VARIABLES: Mapping[str, str] = {
    "shop": N_("Name of the shop"),
    "buyer": N_("Name of the buyer, or “customer”"),
    "ticket": N_("Number of the ticket"),
    "kind": N_("What the ticket is about"),
    "order": N_("Order number, empty without an order"),
    "product": N_("Product of the order"),
    "quantity": N_("How many were ordered"),
    "amount": N_("What was paid, with ¥"),
    "state": N_("How far the order is"),
    "reason": N_("Why it waits, in a sentence, or nothing"),
    "expected": N_("When it is expected, from recent deliveries, or nothing"),
}
KINDS: Mapping[str, str] = {
    Kind.NOT_RECEIVED: N_("Nothing received"),
    Kind.KEY_INVALID: N_("The key does not work"),
    Kind.WRONG_ACCOUNT: N_("Wrong account"),
    Kind.OTHER: N_("Something else"),
}
STATES: Mapping[str, str] = {
    State.UNPAID: N_("To be paid"),
    State.PAID: N_("Delivering"),
    State.WAITING: N_("Waiting"),
    State.DELIVERED: N_("Delivered"),
    State.PARTIAL: N_("Delivered in part"),
    State.EXPIRED: N_("Not charged"),
    State.CANCELLED: N_("Cancelled"),
    State.REFUNDED: N_("Refunded"),
}
REASONS: Mapping[str, str] = {
    "out_of_stock": N_("It has just sold out at our supplier. We order more and try again by ourselves."),
    "supplier_down": N_("Our supplier does not answer at the moment. We keep trying by ourselves."),
    "checking": N_("Our supplier is still working on your order. We ask again every few seconds."),
    "wrong_input": N_("Our supplier does not accept what was filled in. Correct it on your order's page."),
}
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


async def of_ticket(session: AsyncSession, tenant: Tenant, ticket: Ticket) -> dict[str, str]:
    """A value for each of `VARIABLES`; nothing for what does not apply. Never a price of the master or a supplier."""
    try:
        buyer = await buyers.buyer(session, ticket.buyer_id)
        name = buyer.name or buyer.login or ""
    except BuyerGone:
        name = ""
    known = dict.fromkeys(VARIABLES, "") | {
        "shop": tenant.name,
        "buyer": name or gettext("customer"),
        "ticket": ticket.no,
        "kind": gettext(KINDS[ticket.kind]),
    }
    return known | await of_order(session, ticket.order_no) if ticket.order_no else known


async def of_order(session: AsyncSession, no: str) -> dict[str, str]:
    """Those of `VARIABLES` that are about an order, for other templates too; nothing where it is not there."""
    try:
        order = await orders.order_by_no(session, no)
    except OrderGone:
        return {}
    is_under_way = order.state in (State.PAID, State.WAITING)
    return {
        "order": order.no,
        "product": order.product_name,
        "quantity": str(order.quantity),
        "amount": format_cents(order.total_cents),
        "state": gettext(STATES[State(order.state)]),
        "reason": gettext(REASONS.get(order.reason, "")) if is_under_way else "",
        "expected": await _expected(session, order.product_id, order.paid_at) if is_under_way else "",
    }


async def _expected(session: AsyncSession, product_id: int, paid_at: datetime | None) -> str:
    """From the time in which four of five recent orders of the product were delivered."""
    usual_s = await queries.usual_delivery_s(session, product_id)
    if usual_s is None or paid_at is None:
        return ""
    left_s = usual_s - (clock.now() - paid_at).total_seconds()
    return spell(left_s) if left_s > 0 else gettext("later than usual; we are looking after it")


def spell(seconds: float) -> str:
    """A time span as one says it: `within 3 minutes`."""
    if seconds <= MINUTE_S:
        return gettext("within a minute")
    if seconds <= HOUR_S:
        return gettext("within %(minutes)s minutes", minutes=-int(-seconds // MINUTE_S))
    if seconds <= DAY_S:
        return gettext("within %(hours)s hours", hours=-int(-seconds // HOUR_S))
    return gettext("within %(days)s days", days=-int(-seconds // DAY_S))


def sample(tenant: Tenant) -> dict[str, str]:
    """What a template is tried out with."""
    return {
        "shop": tenant.name,
        "buyer": gettext("customer"),
        "ticket": "T261122-K7Q2M9XW",
        "kind": gettext(KINDS[Kind.NOT_RECEIVED]),
        "order": "261122-K7Q2M9XW4T",
        "product": gettext("A product"),
        "quantity": "1",
        "amount": format_cents(1000),
        "state": gettext(STATES[State.WAITING]),
        "reason": gettext(REASONS["out_of_stock"]),
        "expected": spell(20 * MINUTE_S),
    }
