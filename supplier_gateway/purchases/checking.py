"""What a supplier's word is worth. An answer that cannot be true is *unknown*: nothing is delivered on it, nothing is
bought again, and it is asked for anew."""

from collections.abc import Iterable
from decimal import ROUND_CEILING
from unicodedata import category

import structlog
from msgspec.structs import replace

from kameng.cards.service import MAX_SECRET_LENGTH
from kameng.core.money import MAX_CENTS
from supplier_gateway.port import Answer, Fault, Order, Outcome

log = structlog.get_logger()

LONGEST_ORDER_NO = 200
LONGEST_MESSAGE = 2000
# Control characters and those that are not seen: a line end would make two keys of one in the buyer's download, and
# U+202E shows a key from right to left.
UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def checked(order: Order, answer: Answer) -> Answer:
    """The answer with its texts made plain and its units counted, or `UNKNOWN` in its place."""
    answer = replace(
        answer,
        supplier_order_no=_plain(answer.supplier_order_no)[:LONGEST_ORDER_NO],
        message="".join(_seen(answer.message)).strip()[:LONGEST_MESSAGE],
    )
    if answer.outcome not in (Outcome.DELIVERED, Outcome.PARTIAL):
        return replace(answer, cards=(), delivered_quantity=0)
    answer = _counted(order, replace(answer, cards=tuple(_plain(card) for card in answer.cards)))
    is_whole = answer.delivered_quantity == order.quantity
    if is_whole is not (answer.outcome is Outcome.DELIVERED) or not 0 < answer.delivered_quantity <= order.quantity:
        return unbelievable(f"{answer.delivered_quantity} delivered of {order.quantity}")
    if not all(0 < len(card) <= MAX_SECRET_LENGTH for card in answer.cards):
        return unbelievable("a card that is empty or too long")
    if len(set(answer.cards)) < len(answer.cards):
        return unbelievable("the same card more than once")
    if not 0 <= answer.cost_cents <= MAX_CENTS:
        return unbelievable("a cost that makes no sense")
    if answer.cost_cents > most_cents(order, answer.delivered_quantity):
        # It has our money: the books say so, and a person is to ask why.
        log.error("supplier_overcharged", reference=order.reference, cost_cents=answer.cost_cents)
    return answer


def _counted(order: Order, answer: Answer) -> Answer:
    """Cards count themselves. Of a top-up the supplier says how much is done; a whole one need not be counted."""
    if order.kind == "cards":
        return replace(answer, delivered_quantity=len(answer.cards))
    whole = answer.outcome is Outcome.DELIVERED and not answer.delivered_quantity
    return replace(answer, cards=(), delivered_quantity=order.quantity if whole else answer.delivered_quantity)


def unbelievable(why: str) -> Answer:
    """What is kept in place of an answer that cannot be true."""
    return Answer(Outcome.UNKNOWN, fault=Fault.UNREADABLE, detail=why)


def most_cents(order: Order, units: int) -> int:
    """What so many units may cost at most."""
    return int((order.max_unit_cost * units * 100).to_integral_value(ROUND_CEILING))


def _plain(text: str) -> str:
    return " ".join("".join(_seen(text)).split())


def _seen(text: str) -> Iterable[str]:
    for sign in text:
        if sign.isspace() or category(sign) not in UNSEEN:
            yield sign
