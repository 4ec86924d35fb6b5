"""Which exception an order is, from what is known of it. Tenant session."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from uuid import UUID
from weakref import WeakKeyDictionary, proxy

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.core.errors import Invalid
from kameng.infra.db import Database
from kameng.infra.driver import driver
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import begin_as
from kameng.infra.together import Together
from tenants.desk import settings
from tenants.desk.states import Kind
from tenants.orders import inputs
from tenants.orders.service import Order
from tenants.shop import queries as shop
from tenants.shop.errors import ProductGone

WITHIN = timedelta(hours=1)
PAUSE_S = 0.2  # between two looks at whatever was paid meanwhile
OF_REASONS = {
    "out_of_stock": Kind.SHORT_STOCK,
    "supplier_down": Kind.SUPPLIER_FAILURE,
    "checking": Kind.UNKNOWN,
    "wrong_input": Kind.WRONG_INPUT,
}
CAUSES = ("many_of_contact", "many_of_input", "many_of_address", "many_unpaid")  # in the order of what BUSY counts

# Of the last hour: orders of this buyer or contact, of the same input (an account that many buy for), and of the
# address from which his keys were first looked at; and his orders that nobody paid.
BUSY = """
    SELECT count(*) FILTER (WHERE o.buyer_id = %(buyer_id)s OR %(contact)s <> '' AND o.contact = %(contact)s)
               AS of_contact,
           count(*) FILTER (WHERE %(inputs)s <> '{}' AND o.inputs = CAST(%(inputs)s AS jsonb)) AS of_input,
           (SELECT count(DISTINCT r.order_ref) FROM card_reveals r
            WHERE r.kind = 'buyer' AND r.at > now() - interval '1 hour' AND r.address <> '' AND r.address IN (
                SELECT m.address FROM card_reveals m JOIN orders n ON n.id = m.order_ref
                WHERE n.buyer_id = %(buyer_id)s AND m.kind = 'buyer' AND m.at > now() - interval '1 hour'))
               AS of_address,
           count(*) FILTER (WHERE o.buyer_id = %(buyer_id)s AND o.state IN ('expired', 'cancelled')) AS unpaid
    FROM (SELECT buyer_id, contact, inputs, state FROM orders WHERE id >= %(since)s ORDER BY id DESC LIMIT 5000) o
"""
# One case speaks for all that a buyer does within the hour: whoever looks at it sees his other orders.
SUBJECT = """
    SELECT o.buyer_id, o.contact, CAST(o.inputs AS text), o.total_cents, d.settings,
           EXISTS (SELECT 1 FROM desk_cases c WHERE c.kind = 'fraud'
                   AND (c.order_id = o.id OR c.buyer_id = o.buyer_id AND c.opened_at > now() - interval '1 hour'))
    FROM orders o LEFT JOIN room_settings d ON d.room = 'desk' WHERE o.id = %(order_id)s
"""
FIRST = text(
    """
    SELECT b.created_at > now() - interval '1 day' AND NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.buyer_id = b.id AND o.id <> :order_id AND o.paid_at IS NOT NULL)
    FROM buyers b WHERE b.id = :buyer_id
    """
)


Looks = Together[tuple[int, UUID], str]
_looks: WeakKeyDictionary[Database, Looks] = WeakKeyDictionary()


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


def looks_of(runtime: Runtime) -> Looks:
    """Asked by a station's number and an order's id, it returns what `suspicion` says."""
    looks = _looks.get(runtime.database)
    if looks is None:
        look = partial(_look, proxy(runtime.database))
        looks = _looks[runtime.database] = Together(look, pause_s=PAUSE_S)
    return looks


async def _look(database: Database, asked: Sequence[tuple[int, UUID]]) -> Mapping[tuple[int, UUID], str]:
    found = {}
    for tenant_id, several in groupby(sorted(asked), key=itemgetter(0)):
        async with begin_as(database, tenant_id) as session:
            for one in several:
                found[one] = await suspicion(session, one[1])
    return found


async def suspicion(session: AsyncSession, order_id: UUID) -> str:
    """Why an order looks like fraud, as a word of the code; nothing when it does not, or a case says already that it
    does, or that its buyer's orders of the last hour do."""
    connection = driver(session)
    row = await (await connection.execute(SUBJECT, {"order_id": order_id})).fetchone()
    if row is None:
        return ""
    buyer_id, contact, inputs_text, total_cents, stored, is_suspected = row
    if is_suspected:
        return ""
    plan = settings.of(stored)
    asked = {
        "buyer_id": buyer_id,
        "contact": contact,
        "inputs": inputs_text,
        "since": ids.first_of(clock.now() - WITHIN),
    }
    counts = await (await connection.execute(BUSY, asked)).fetchone() or (0, 0, 0, 0)
    limits = (plan.fraud_orders, plan.fraud_orders, plan.fraud_orders, plan.fraud_unpaid)
    for limit, count, cause in zip(limits, counts, CAUSES, strict=True):
        if limit and count >= limit:
            return cause
    if plan.fraud_cents and total_cents >= plan.fraud_cents:
        of = {"buyer_id": buyer_id, "order_id": order_id}
        if (await session.execute(FIRST, of)).scalar_one_or_none():
            return "large_and_new"
    return ""
