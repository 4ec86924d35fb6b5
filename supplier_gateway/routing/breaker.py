"""A circuit breaker: after failures in a row nothing is sent for a while; then one order is let through to see.
Pure."""

from collections.abc import Hashable

OPENS_AFTER = 5  # failures in a row; those that are overdue count
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 60.0  # until a probe; doubled each time that a probe fails
PROBE_TAKES_S = 60.0  # a probe that has told nothing by then is given up

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"


class Breaker:
    """`until` is when the next probe may go."""

    __slots__ = ("is_open", "probe", "probed_at", "until", "wait_s")

    def __init__(self) -> None:
        self.is_open = False
        self.until = 0.0
        self.wait_s = FIRST_WAIT_S
        self.probe: Hashable | None = None
        self.probed_at = 0.0

    def state(self, now: float) -> str:
        """`open`: nothing is sent. `half_open`: the next order is a probe."""
        if not self.is_open:
            return CLOSED
        if now < self.until or (self.probe is not None and now - self.probed_at < PROBE_TAKES_S):
            return OPEN
        return HALF_OPEN

    def look(self, failures: int, now: float) -> None:
        """Opens when there are too many failures in a row."""
        if not self.is_open and failures >= OPENS_AFTER:
            self.is_open, self.until = True, now + self.wait_s

    def probes(self, key: Hashable, now: float) -> None:
        self.probe, self.probed_at = key, now

    def answered(self, key: Hashable, now: float, *, success: bool) -> bool:
        """True when this closes it: any success since it opened, whoever's. A failed probe makes the wait longer."""
        if not self.is_open:
            if success:
                self.wait_s = FIRST_WAIT_S
            return False
        mine = self.probe is not None and self.probe == key
        if success:
            self.is_open, self.probe = False, None
            return True
        if mine or now >= self.until:
            self.probe = None
            self.wait_s = min(LONGEST_WAIT_S, self.wait_s * 2)
            self.until = now + self.wait_s
        return False

    def dropped(self, key: Hashable, now: float) -> None:
        """A probe has told nothing: after a while another may go."""
        if self.probe is not None and self.probe == key:
            self.probe, self.until = None, now + FIRST_WAIT_S
