"""What cases are, and what is done about them."""

from enum import StrEnum


class Kind(StrEnum):
    PAYMENT_TIMEOUT = "payment_timeout"  # paid too late, or never
    SHORT_STOCK = "short_stock"
    SUPPLIER_FAILURE = "supplier_failure"
    UNKNOWN = "unknown"  # a supplier has it, and does not say what became of it
    WRONG_INPUT = "wrong_input"  # a phone or an account that cannot be delivered to
    FRAUD = "fraud"


class Action(StrEnum):
    """What a rule does."""

    MESSAGE = "message"
    REPLENISH = "replenish"
    NEXT_SUPPLIER = "next_supplier"
    EQUIVALENT = "equivalent"
    REFUND = "refund"
    PERSON = "person"


class Result(StrEnum):
    """What came of an act."""

    DONE = "done"
    NOTHING = "nothing"  # there was nothing that could be done
    UNDER_WAY = "under_way"  # a supplier may still deliver
    TOO_MUCH = "too_much"  # beyond the rule's limit
    FAILED = "failed"


SPEAKING = frozenset({Action.MESSAGE, Action.EQUIVALENT})
