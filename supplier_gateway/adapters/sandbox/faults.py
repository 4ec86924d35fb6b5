"""What goes wrong on purpose, set at run time through the control API."""

import random
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]


class FaultKind(StrEnum):
    SLOW = "slow"  # waits `delay_ms`, then does it
    ERROR = "error"  # HTTP 500 before doing anything
    TIMEOUT_BEFORE = "timeout_before"  # waits `delay_ms`, does nothing, breaks the connection
    TIMEOUT_AFTER_SUCCESS = "timeout_after_success"  # does it, waits `delay_ms`, breaks the connection
    OUT_OF_STOCK = "out_of_stock"
    HTML = "html"  # 200 with a page, nothing done
    DOWN = "down"  # breaks the connection at once, nothing done
    PENDING = "pending"  # accepts an order now and delivers it after `delay_ms`


class Call(StrEnum):
    """Which requests a fault strikes."""

    BUY = "buy"
    FIND = "find"
    READ = "read"  # goods, stock, balance
    ANY = "any"


class Fault(Struct):
    """`count` is how many requests it strikes; None: until the plan is replaced."""

    kind: FaultKind
    on: Call = Call.BUY
    count: Annotated[int, Meta(ge=1)] | None = 1
    delay_ms: Milliseconds = 60_000


class Chance(Struct):
    """A fault that strikes each request with probability `share`."""

    fault: Fault
    share: Annotated[float, Meta(ge=0, le=1)]


class Plan(Struct):
    """Everything that is wrong now. `latency_ms` is added to every answer; `queue` goes before `chance`."""

    latency_ms: Milliseconds = 0
    queue: list[Fault] = field(default_factory=list)
    chance: Chance | None = None

    def strike(self, call: Call) -> Fault | None:
        """The fault of this request, if any; one of the queue is used up by its `count`."""
        for fault in self.queue:
            if fault.on in (call, Call.ANY):
                self._use(fault)
                return fault
        if self.chance and self.chance.fault.on in (call, Call.ANY) and random.random() < self.chance.share:  # noqa: S311  # dice, not secrets
            return self.chance.fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.count is None:
            return
        fault.count -= 1
        if fault.count == 0:
            self.queue = [other for other in self.queue if other is not fault]
