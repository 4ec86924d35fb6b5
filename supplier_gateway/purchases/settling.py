"""Ending a purchase by what a person has found out. Master session; the caller opens the transaction."""

from datetime import timedelta

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from supplier_gateway.port import Answer, Fault, Outcome
from supplier_gateway.purchases import checking, queries
from supplier_gateway.purchases.errors import NotYours, SettledAlready
from supplier_gateway.purchases.models import Purchase
from supplier_gateway.purchases.service import OPEN, PurchaseStirred, keep_answer, order_of
from supplier_gateway.routing import queries as routing_queries

BY_HAND = "settled by a person"


class Verdict(Struct, frozen=True):
    """What a person has found out by asking the supplier. A purchase with `cards`, or of a top-up with `delivered`, has
    delivered, all or a part; any other has failed. `cost_cents` is what the supplier has charged."""

    delivered: bool
    units: int = 0
    cards: tuple[str, ...] = ()
    cost_cents: int = 0
    supplier_order_no: str = ""
    message: str = ""


async def settle(runtime: Runtime, session: AsyncSession, reference: str, verdict: Verdict) -> Purchase:
    """Ends a purchase that its supplier gives no clear answer about, as a person says. *Failed* lets the order be
    bought elsewhere: when the supplier delivers after all, it was bought twice. The order goes on at once.

    Raises `PurchaseGone`, `SettledAlready`, `NotYours` while the supplier may tell by itself, and `Invalid` for cards
    that cannot be right.
    """
    rules = await routing_queries.rules(session)
    purchase = await queries.by_reference(session, reference)
    await queries.lock_order(session, purchase.order_ref)
    purchase = await session.get_one(Purchase, purchase.id, with_for_update=True, populate_existing=True)
    if purchase.state not in OPEN:
        raise SettledAlready
    if not is_stuck(purchase, rules.person_after_minutes) or purchase.lease_until > clock.now():
        raise NotYours(minutes=rules.person_after_minutes)
    answer = _answer_of(purchase, verdict)
    if answer.outcome is Outcome.UNKNOWN:
        raise Invalid({"cards": "These cannot be what was bought: count the lines, and look for doubles."})
    answer = await keep_answer(runtime, session, purchase, answer)
    if answer.outcome is Outcome.UNKNOWN:
        raise Invalid({"cards": "Some of these cards were sold before, or lie in your stock."})
    await outbox.record(session, PurchaseStirred(reference))
    return purchase


def _answer_of(purchase: Purchase, verdict: Verdict) -> Answer:
    number = verdict.supplier_order_no or purchase.supplier_order_no
    if not verdict.delivered:
        return Answer(Outcome.FAILED, number, fault=Fault.REFUSED, detail=BY_HAND)
    units = len(verdict.cards) if purchase.kind == "cards" else verdict.units
    outcome = Outcome.DELIVERED if units == purchase.quantity else Outcome.PARTIAL
    told = Answer(
        outcome, number, verdict.cards, verdict.cost_cents,
        message=verdict.message, delivered_quantity=units, detail=BY_HAND,
    )  # fmt: skip
    return checking.checked(order_of(purchase), told)


def is_stuck(purchase: Purchase, minutes: int) -> bool:
    """Whether a person may settle it."""
    return purchase.state in OPEN and clock.now() - purchase.created_at >= timedelta(minutes=minutes)
