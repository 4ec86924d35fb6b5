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
# Control characters and those that are not seen: a line end would make two keys of one in the buyer's download, and
# U+202E shows a key from right to left.
UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def checked(order: Order, answer: Answer) -> Answer:
    """The answer with its texts made plain, or `UNKNOWN` in its place."""
    answer = replace(answer, supplier_order_no=_plain(answer.supplier_order_no)[:LONGEST_ORDER_NO])
    if answer.outcome is not Outcome.DELIVERED:
        return answer
    answer = replace(answer, cards=tuple(_plain(card) for card in answer.cards))
    if len(answer.cards) != order.quantity:
        return unbelievable(f"{len(answer.cards)} cards for {order.quantity}")
    if not all(0 < len(card) <= MAX_SECRET_LENGTH for card in answer.cards):
        return unbelievable("a card that is empty or too long")
    if len(set(answer.cards)) < order.quantity:
        return unbelievable("the same card more than once")
    if not 0 <= answer.cost_cents <= MAX_CENTS:
        return unbelievable("a cost that makes no sense")
    if answer.cost_cents > _most_cents(order):  # it has our money: the books say so, and a person is to ask why
        log.error("supplier_overcharged", reference=order.reference, cost_cents=answer.cost_cents)
    return answer


def unbelievable(why: str) -> Answer:
    """What is kept in place of an answer that cannot be true."""
    return Answer(Outcome.UNKNOWN, fault=Fault.UNREADABLE, detail=why)


def _most_cents(order: Order) -> int:
    return int((order.max_unit_cost * order.quantity * 100).to_integral_value(ROUND_CEILING))


def _plain(text: str) -> str:
    return " ".join("".join(_seen(text)).split())


def _seen(text: str) -> Iterable[str]:
    for sign in text:
        if sign.isspace() or category(sign) not in UNSEEN:
            yield sign
