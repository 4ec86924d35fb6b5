"""Which exception an order is, from what is known of it. Tenant session."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.core.errors import Invalid
from tenants.desk.settings import Settings
from tenants.desk.states import Kind
from tenants.orders import inputs
from tenants.orders.service import Order
from tenants.shop import queries as shop
from tenants.shop.errors import ProductGone

WITHIN = timedelta(hours=1)
OF_REASONS = {
    "out_of_stock": Kind.SHORT_STOCK,
    "supplier_down": Kind.SUPPLIER_FAILURE,
    "checking": Kind.UNKNOWN,
    "wrong_input": Kind.WRONG_INPUT,
}

# Of the last hour: orders of this buyer or contact, of the same input (an account that many buy for), and of the
# address from which his keys were first looked at; and his orders that nobody paid.
BUSY = text(
    """
    SELECT count(*) FILTER (WHERE o.buyer_id = :buyer_id OR :contact <> '' AND o.contact = :contact) AS of_contact,
           count(*) FILTER (WHERE :inputs <> '{}' AND o.inputs = CAST(:inputs AS jsonb)) AS of_input,
           count(*) FILTER (WHERE o.buyer_id = :buyer_id AND o.state IN ('expired', 'cancelled')) AS unpaid,
           (SELECT count(DISTINCT r.order_ref) FROM card_reveals r
            WHERE r.kind = 'buyer' AND r.at > now() - interval '1 hour' AND r.address <> '' AND r.address IN (
                SELECT m.address FROM card_reveals m JOIN orders n ON n.id = m.order_ref
                WHERE n.buyer_id = :buyer_id AND m.kind = 'buyer' AND m.at > now() - interval '1 hour')) AS of_address
    FROM (SELECT buyer_id, contact, inputs, state FROM orders WHERE id >= :since ORDER BY id DESC LIMIT 5000) o
    """
)
FIRST = text(
    """
    SELECT b.created_at > now() - interval '1 day' AND NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.buyer_id = b.id AND o.id <> :order_id AND o.paid_at IS NOT NULL)
    FROM buyers b WHERE b.id = :buyer_id
    """
)


async def kind_of(session: AsyncSession, order: Order, faults: Sequence[str]) -> tuple[Kind, str] | None:
    """The kind of a waiting order's exception, and what shows it. `faults` are those of its purchases, oldest first.
    None while nothing is wrong: a person of the shop delivers it."""
    if faults and faults[-1] == "input":
        return Kind.WRONG_INPUT, "supplier"
    if order.inputs and not await _inputs_fit(session, order):
        return Kind.WRONG_INPUT, "check"
    kind = OF_REASONS.get(order.reason)
    return (kind, order.reason) if kind else None


async def _inputs_fit(session: AsyncSession, order: Order) -> bool:
    """Whether what was filled in is what the product asks for today."""
    try:
        fields = (await shop.head_of(session, order.product_id)).fields
        inputs.check(fields, order.inputs)
    except Invalid:
        return False
    except ProductGone:
        return True
    return True


async def suspicion(session: AsyncSession, order: Order, plan: Settings) -> str:
    """Why an order looks like fraud, as a word of the code; nothing when it does not."""
    asked = {
        "buyer_id": order.buyer_id,
        "contact": order.contact,
        "inputs": msgspec.json.encode(order.inputs).decode(),
        "since": ids.first_of(clock.now() - WITHIN),
    }
    busy = (await session.execute(BUSY, asked)).one()
    for limit, count, cause in (
        (plan.fraud_orders, busy.of_contact, "many_of_contact"),
        (plan.fraud_orders, busy.of_input, "many_of_input"),
        (plan.fraud_orders, busy.of_address, "many_of_address"),
        (plan.fraud_unpaid, busy.unpaid, "many_unpaid"),
    ):
        if limit and count >= limit:
            return cause
    if plan.fraud_cents and order.total_cents >= plan.fraud_cents:
        of = {"buyer_id": order.buyer_id, "order_id": order.id}
        if (await session.execute(FIRST, of)).scalar_one_or_none():
            return "large_and_new"
    return ""
