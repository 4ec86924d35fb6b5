"""What goes wrong on purpose, set at run time through the control API of a sandbox supplier."""

import random
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]


class FaultKind(StrEnum):
    """Each says whether the order is made. `acted` of a fault decides where it says *as told*."""

    # made, and answered truly
    SLOW = "slow"  # after `delay_ms`
    PENDING = "pending"  # accepted now, delivered after `delay_ms`
    FAILS_LATER = "fails_later"  # accepted now; after `delay_ms` it has failed and the money is back
    PARTIAL = "partial"  # one unit is missing and will not come; the rest is delivered and charged
    DEARER = "dearer"  # the price is twice as high when the order comes
    CALLBACK_TWICE = "callback_twice"  # as `pending`, and every callback comes twice
    CALLBACK_OUT_OF_ORDER = "callback_out_of_order"  # as `pending`, and "still working" is called back last
    # the supplier's definite no: nothing made
    OUT_OF_STOCK = "out_of_stock"
    BALANCE = "balance"
    REFUSED = "refused"
    # no answer
    DOWN = "down"  # breaks the connection at once; nothing made
    TIMEOUT_BEFORE = "timeout_before"  # waits `delay_ms`, does nothing, breaks the connection
    TIMEOUT_AFTER_SUCCESS = "timeout_after_success"  # made; waits `delay_ms`, breaks the connection
    # another answer than the true one: made as told
    ERROR = "error"  # HTTP 500
    ERROR_BODY = "error_body"  # 200 with words that the protocol has for no answer
    HTML = "html"  # 200 with a page
    REDIRECT = "redirect"  # to an address of the private network
    REDIRECT_LOOP = "redirect_loop"  # to itself
    EMPTY = "empty"  # 200 with nothing
    # the true answer, spoiled on the wire: made
    TRUNCATED = "truncated"  # half of it, as if that were all
    WRONG_LENGTH = "wrong_length"  # half of it, then the connection breaks
    ENDLESS = "endless"  # it never ends
    DRIP = "drip"  # a byte now and then
    NOT_UTF8 = "not_utf8"
    # answers that cannot be true: made
    MORE_CARDS = "more_cards"
    SAME_CARDS = "same_cards"
    EMPTY_CARDS = "empty_cards"
    WRONG_TYPES = "wrong_types"  # texts for numbers, numbers for texts
    HUGE = "huge"  # numbers beyond every column
    NAN = "nan"  # numbers that are none


class Call(StrEnum):
    """Which requests a fault strikes."""

    BUY = "buy"
    FIND = "find"
    READ = "read"  # goods, stock, prices, balance
    ANY = "any"


class Fault(Struct):
    """`count` is how many requests it strikes; None: until the plan is replaced. `acted`: the order is made all the
    same, though the answer is another."""

    kind: FaultKind
    on: Call = Call.BUY
    count: Annotated[int, Meta(ge=1)] | None = 1
    delay_ms: Milliseconds = 60_000
    acted: bool = False


class Chance(Struct):
    """A fault that strikes each request with probability `share`."""

    fault: Fault
    share: Annotated[float, Meta(ge=0, le=1)]


class Plan(Struct):
    """Everything that is wrong now. `latency_ms` is added to every answer; `queue` goes before `chances`, of which the
    first that strikes counts. With a `seed`, the n-th request of a kind has the same fate in each run.
    """

    latency_ms: Milliseconds = 0
    queue: list[Fault] = field(default_factory=list)
    chances: list[Chance] = field(default_factory=list)
    seed: int | None = None
    heard: dict[Call, int] = field(default_factory=dict)

    def strike(self, call: Call) -> Fault | None:
        """The fault of this request, if any; one of the queue is used up by its `count`."""
        self.heard[call] = number = self.heard.get(call, 0) + 1
        for fault in self.queue:
            if fault.on in (call, Call.ANY):
                self._use(fault)
                return fault
        dice = random.Random(None if self.seed is None else f"{self.seed}:{call}:{number}")  # noqa: S311  # dice, not secrets
        for chance in self.chances:
            if dice.random() < chance.share and chance.fault.on in (call, Call.ANY):
                return chance.fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.count is None:
            return
        fault.count -= 1
        if fault.count == 0:
            self.queue = [other for other in self.queue if other is not fault]
