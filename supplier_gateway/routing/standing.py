"""What is known of an offer or a supplier from its last purchases. Pure: the time is handed in, in seconds.

Suppliers change: they fail for minutes, drift for hours, and tell it late. So outcomes count less the older they are
(discounted Thompson sampling: Raj and Kalyani 2017), a short memory beside the long one notices a sudden change at
once (as the
two windows of f-Discounted-Sliding-Window Thompson sampling do: Cavenaghi et al. 2021), and an order that is on its way
for longer than the supplier ever needs counts as a failure until it is answered (a retransmission time-out: Jacobson
1988).
"""

from collections.abc import Hashable
from math import sqrt

LONG, SHORT = 160.0, 10.0  # outcomes that each memory holds
HALF_LIFE_S = 400.0  # after which an outcome counts half, however few came after it ...
LEAST_UNITS = 3.0  # ... but so many always count: what is not asked for long becomes doubtful, not forgotten
PRIOR, PRIOR_UNITS = 0.92, 4.0  # of one that nothing is known of: as good as suppliers usually are
LEAST_PATIENCE_S, MOST_PATIENCE_S = 0.5, 8.0  # after which an answer is overdue
LEAST_SLACK_S = 0.5  # beyond the usual time: a supplier that is always on time may be late once, and so may we
FIRST_LATENCY_S = 1.0
SIGNIFICANT = 2.2  # standard deviations between the memories beyond which only the short one is believed


class Standing:
    """Discounted counts of successes and failures, and how long a delivery takes."""

    __slots__ = (
        "at",
        "failures",
        "in_flight",
        "latency_s",
        "recent",
        "recent_units",
        "spread_s",
        "streak",
        "successes",
    )

    def __init__(self) -> None:
        self.successes = 0.0
        self.failures = 0.0
        self.recent = 0.0  # successes of the short memory
        self.recent_units = 0.0
        self.latency_s = FIRST_LATENCY_S
        self.spread_s = FIRST_LATENCY_S / 2
        self.streak = 0  # failures since the last success
        self.at = 0.0
        self.in_flight: dict[Hashable, float] = {}  # when each was sent, oldest first

    def sent(self, key: Hashable, now: float) -> None:
        self.in_flight[key] = now

    def answered(self, key: Hashable, now: float, *, success: bool, latency_s: float | None = None) -> None:
        """Takes an outcome over. `latency_s` of a delivery."""
        self.in_flight.pop(key, None)
        age = self._age(now)
        keep = (1 - 1 / LONG) * age
        self.successes = self.successes * keep + success
        self.failures = self.failures * keep + (not success)
        keep = 1 - 1 / SHORT
        self.recent = self.recent * keep + success
        self.recent_units = self.recent_units * keep + 1
        self.streak = 0 if success else self.streak + 1
        self.at = max(now, self.at)
        if success and latency_s is not None:
            error = latency_s - self.latency_s
            self.latency_s += error / 8
            self.spread_s += (abs(error) - self.spread_s) / 4

    def dropped(self, key: Hashable) -> None:
        """What was sent will tell nothing soon."""
        self.in_flight.pop(key, None)

    def recovered(self, failures: int) -> None:
        """That many failures while it was broken say little of what comes now."""
        self.recent = self.recent_units = 0.0
        self.failures = max(0.0, self.failures - failures)

    def overdue(self, now: float) -> int:
        """How many are on their way for longer than a delivery takes."""
        if not self.in_flight:
            return 0
        before, count = now - self.patience_s, 0
        for sent_at in self.in_flight.values():
            if sent_at > before:
                break
            count += 1
        return count

    @property
    def patience_s(self) -> float:
        return min(MOST_PATIENCE_S, max(LEAST_PATIENCE_S, self.latency_s + max(4 * self.spread_s, LEAST_SLACK_S)))

    def success(self, now: float, prior: float = PRIOR) -> tuple[float, float]:
        """The expected share of successes and its standard deviation. `prior` is what is likely without knowing
        more."""
        age, overdue = self._age(now), self.overdue(now)
        units = (self.successes + self.failures) * age + overdue + PRIOR_UNITS
        share = (self.successes * age + PRIOR_UNITS * prior) / units
        if self.recent_units >= 3 or overdue:
            recent_units = self.recent_units + overdue
            recent = self.recent / recent_units
            if abs(share - recent) > SIGNIFICANT * sqrt(max(share * (1 - share), 0.02) / recent_units):
                share, units = (self.recent + prior) / (recent_units + 1), recent_units + 1
        return share, sqrt(max(share * (1 - share), 0.005) / units)

    def _age(self, now: float) -> float:
        """What an outcome of the last time still counts."""
        if not 0 < self.at < now:
            return 1.0
        units = self.successes + self.failures
        return max(float(0.5 ** ((now - self.at) / HALF_LIFE_S)), min(1.0, LEAST_UNITS / units if units else 1.0))
