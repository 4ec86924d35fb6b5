"""What all adapters make of the wire: an error's meaning for money, and words that may be kept."""

from collections.abc import Sequence

from kameng.core.money import MAX_CENTS
from kameng.infra.http import BadAnswer, NoAnswer, NotSent, OutboundError
from supplier_gateway.port import Answer, Fault, Outcome, SupplierUnavailable

LONGEST_DETAIL = 200
ORDER_BYTES = 1 << 20  # of an answer about one order
CATALOGUE_BYTES = 16 << 20


def fault_of(error: OutboundError) -> Fault:
    match error:
        case NotSent():
            return Fault.UNREACHABLE
        case NoAnswer():
            return Fault.TIMEOUT
        case _:
            return Fault.UNREADABLE


def not_bought(error: OutboundError) -> Answer:
    """What a buying stands at after `error`: definite only when nothing was sent."""
    return failed(Fault.UNREACHABLE, str(error)) if isinstance(error, NotSent) else unknown(error)


def unknown(error: OutboundError) -> Answer:
    return Answer(Outcome.UNKNOWN, fault=fault_of(error), detail=brief(str(error)))


def check_delivery(outcome: Outcome, cards: Sequence[str], units: int, quantity: int, cost_cents: int) -> None:
    """That a delivery of `units` of `quantity` can be true. Raises `BadAnswer`."""
    fits = units == quantity if outcome is Outcome.DELIVERED else 0 < units < quantity
    if not fits:
        raise BadAnswer(f"{outcome} with {units} of {quantity} units")
    if not all(card.strip() for card in cards):
        raise BadAnswer("an empty card")
    if len(set(cards)) < len(cards):
        raise BadAnswer("the same card more than once")
    if not 0 <= cost_cents <= MAX_CENTS:
        raise BadAnswer("a cost that makes no sense")


def checked_balance(cents: int) -> int:
    """A balance that our books can hold; it may be below zero. Raises `SupplierUnavailable`."""
    if abs(cents) > MAX_CENTS:
        raise SupplierUnavailable(Fault.UNREADABLE, "a balance that makes no sense")
    return cents


def failed(fault: Fault, detail: str = "") -> Answer:
    return Answer(Outcome.FAILED, fault=fault, detail=brief(detail))


def unavailable(error: OutboundError) -> SupplierUnavailable:
    return SupplierUnavailable(fault_of(error), brief(str(error)))


def brief(words: str) -> str:
    """At most 200 printable characters, as `Answer.detail` promises."""
    return "".join(letter for letter in words if letter.isprintable())[:LONGEST_DETAIL]
