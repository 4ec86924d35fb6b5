"""What is weighed and what comes of it: an offer with what is known of it, the master's rules, a decision."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class Reason(StrEnum):
    """Why this offer. Pages translate them."""

    BEST = "best"
    ONLY = "only"  # no other could be asked
    EXPLORED = "explored"  # a little worse by what is known, which is little: to learn
    PROBE = "probe"  # its breaker is half open
    PINNED = "pinned"
    ASKED_FOR = "asked_for"  # by a person, for this order
    NOBODY = "nobody"


class LeftOut(StrEnum):
    """Why an offer was not weighed."""

    PAUSED = "paused"
    NO_STOCK = "no_stock"
    NO_BALANCE = "no_balance"
    STALE_PRICE = "stale_price"
    LOW_MARGIN = "low_margin"
    BREAKER = "breaker"
    FAILED_NOW = "failed_now"  # for this order, a moment ago
    NOT_PINNED = "not_pinned"
    NOT_ASKED_FOR = "not_asked_for"


class Rules(Struct, frozen=True):
    """What the master sets. Weights are points of success: for one percent of cost above the cheapest, for a second."""

    cost_weight: float = 0.5
    latency_weight: float = 1.0
    explore_percent: float = 1.0
    least_margin_percent: Decimal = Decimal(0)
    fresh_hours: int = 48
    budget_ms: int = 3000
    person_after_minutes: int = 10
    keep_days: int = 30


class Candidate(Struct, frozen=True):
    """An offer as the decision sees it. `cost` in yuan for one unit; None where the supplier does not tell."""

    offer_id: int
    supplier_id: int
    supplier: str
    sku: str
    cost: Decimal
    stock: int | None = None
    active: bool = True
    priority: int = 0
    priced_at: datetime | None = None
    balance_cents: int | None = None
    balance_at: datetime | None = None


class Wanted(Struct, frozen=True):
    """What is to be bought. `wholesale_price`: what the station pays for one unit, in yuan. `tried` are offers that
    have
    just failed; `pinned_supplier` goes before all others, and is asked alone where `pinned_alone`."""

    quantity: int
    wholesale_price: Decimal | None = None
    tried: frozenset[int] = frozenset()
    offer_id: int | None = None
    pinned_supplier: int | None = None
    pinned_alone: bool = False


class Weighed(Struct, frozen=True):
    """A candidate with its figures: expected share of success, typical time, score in points."""

    offer_id: int
    supplier_id: int
    success: float
    latency_ms: int
    cost: str
    score: float


class Passed(Struct, frozen=True):
    """A candidate that was left out."""

    offer_id: int
    supplier_id: int
    why: LeftOut


class Decision(Struct, frozen=True):
    """`chosen` None: nobody could be asked. `weighed` best first."""

    reason: Reason
    chosen: Candidate | None
    weighed: list[Weighed]
    left_out: list[Passed]
