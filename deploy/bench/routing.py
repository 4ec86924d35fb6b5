"""`kameng bench routing`: how fast an offer is chosen, and how well.

The quality is measured by simulation, with the code of production and its time handed in: four suppliers of one good
with
costs, shares of success and times of their own, which drift; each breaks down now and then, for minutes, and refuses,
answers nothing, or fails most. An answer is known when it arrives: after its time, or eight seconds when none comes.
The gaps are in percentage points of an order's expected value (`success - cost - time`, weighed by the default rules)
below
an oracle that knows what is true at each moment; of the supplier asked first: no policy is helped by asking a second
one.
"""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from random import Random
from typing import Protocol

from msgspec import Struct

from deploy.bench.figures import percentile
from supplier_gateway.port import Fault, Outcome
from supplier_gateway.routing.breaker import OPEN, Breaker
from supplier_gateway.routing.choice import Candidate, Rules, Wanted
from supplier_gateway.routing.router import Router

ORDERS, SEEDS, RATE_PER_S = 60_000, (1, 2, 3, 4, 5, 6), 10.0
SUPPLIERS, OFFERS = 4, 200
DECISIONS_PER_S = 1_000
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
TIMEOUT_S = 8.0
QUIET_S = 1500.0  # between two outages of one supplier, on average
OUTAGE_S = (60.0, 360.0)
RULES = Rules()


class Truth:
    """One supplier as it is: what no policy sees but the oracle. Its numbers change every second."""

    def __init__(self, random: Random, cost: float) -> None:
        self.random = random
        self.cost = cost
        self.home = self.logit = random.uniform(2.2, 4.2)  # 90 to 98.5 % of success
        self.home_time = self.log_time = math.log(random.uniform(0.5, 1.8))
        self.trouble = ""
        self.sick = 1.0
        self.changes_at = random.expovariate(1 / QUIET_S)

    def second(self, now: float) -> None:
        random = self.random
        self.logit += (self.home - self.logit) / 1200 + random.gauss(0, 0.03)
        self.log_time += (self.home_time - self.log_time) / 1200 + random.gauss(0, 0.01)
        if now < self.changes_at:
            return
        if self.trouble:
            self.trouble, self.changes_at = "", now + random.expovariate(1 / QUIET_S)
        else:
            self.trouble = random.choice(("refuses", "silent", "sick"))
            self.sick, self.changes_at = random.uniform(0.3, 0.7), now + random.uniform(*OUTAGE_S)

    @property
    def success(self) -> float:
        if self.trouble in ("refuses", "silent"):
            return 0.0
        share = 1 / (1 + math.exp(-self.logit))
        return share * self.sick if self.trouble == "sick" else share

    @property
    def latency_s(self) -> float:
        return math.exp(self.log_time)

    def answer(self, random: Random) -> tuple[bool, float]:
        """Whether it delivers, and after how many seconds that is known."""
        if self.trouble == "refuses":
            return False, 0.05
        if self.trouble == "silent":
            return False, TIMEOUT_S
        took = min(TIMEOUT_S, self.latency_s * math.exp(random.gauss(0, 0.35)))
        if random.random() < self.success:
            return True, took
        return False, TIMEOUT_S if random.random() < 0.2 else took


class Policy(Protocol):
    def choose(self, order: int, now: float) -> int: ...

    def answered(self, order: int, supplier: int, now: float, *, success: bool, took_s: float) -> None: ...


class Static:
    """The cheapest, always: the order of priority that an operator sets."""

    def __init__(self, costs: Sequence[float], _: int) -> None:
        self.first = min(range(len(costs)), key=costs.__getitem__)

    def choose(self, order: int, now: float) -> int:  # noqa: ARG002 - it does not learn
        return self.first

    def answered(self, order: int, supplier: int, now: float, *, success: bool, took_s: float) -> None:
        pass


class WithBreakers:
    """The cheapest whose breaker is closed."""

    def __init__(self, costs: Sequence[float], _: int) -> None:
        self.order = sorted(range(len(costs)), key=costs.__getitem__)
        self.breakers = [Breaker() for _ in costs]
        self.failures = [0] * len(costs)

    def choose(self, order: int, now: float) -> int:
        for supplier in self.order:
            breaker = self.breakers[supplier]
            state = breaker.state(now)
            if state != OPEN:
                if breaker.is_open:
                    breaker.probes(order, now)
                return supplier
        return self.order[0]

    def answered(self, order: int, supplier: int, now: float, *, success: bool, took_s: float) -> None:  # noqa: ARG002
        self.failures[supplier] = 0 if success else self.failures[supplier] + 1
        self.breakers[supplier].answered(order, now, success=success)
        self.breakers[supplier].look(self.failures[supplier], now)


class Routed:
    """What production does."""

    def __init__(self, costs: Sequence[float], seed: int) -> None:
        self.router = Router(Random(seed))  # noqa: S311 - a simulation
        self.candidates = [
            Candidate(number, number, str(number), "", Decimal(str(round(cost, 4))))
            for number, cost in enumerate(costs)
        ]
        self.wanted = Wanted(quantity=1)

    def choose(self, order: int, now: float) -> int:
        decision = self.router.decide(self.candidates, self.wanted, RULES, BEGINS + timedelta(seconds=now))
        chosen = decision.chosen.offer_id if decision.chosen else 0
        self.router.sent(order, chosen, chosen, BEGINS.timestamp() + now)
        return chosen

    def answered(self, order: int, supplier: int, now: float, *, success: bool, took_s: float) -> None:
        outcome = Outcome.DELIVERED if success else Outcome.FAILED if took_s < TIMEOUT_S else Outcome.UNKNOWN
        fault = "" if success else Fault.UNREACHABLE if took_s < TIMEOUT_S else Fault.TIMEOUT
        self.router.answered(order, supplier, supplier, BEGINS.timestamp() + now, outcome, fault, took_s)


class Gap(Struct, frozen=True):
    """Percentage points below the oracle: of an order's value, and of success alone."""

    value_pp: float
    success_pp: float


def simulate(policy_of: type[Static | WithBreakers | Routed], seed: int, orders: int = ORDERS) -> Gap:
    """The same world for each policy of the same seed: suppliers change whoever is asked."""
    arrivals, answers = Random(seed * 1_000), Random(seed * 1_000 + 1)  # noqa: S311 - a simulation
    truths = [
        Truth(Random(seed * 1_000 + 10 + number), 5.0 * (1 + 0.02 * number) * arrivals.uniform(0.99, 1.01))  # noqa: S311
        for number in range(SUPPLIERS)
    ]
    cheapest = min(truth.cost for truth in truths)
    policy: Policy = policy_of([truth.cost for truth in truths], seed)
    on_their_way: list[tuple[float, int, int, bool, float]] = []
    now, second, value_lost, success_lost = 0.0, 0, 0.0, 0.0
    for order in range(orders):
        now += arrivals.expovariate(RATE_PER_S)
        while second <= now:
            for truth in truths:
                truth.second(second)
            second += 1
        while on_their_way and on_their_way[0][0] <= now:
            at, earlier, supplier, success, took_s = heappop(on_their_way)
            policy.answered(earlier, supplier, at, success=success, took_s=took_s)
        supplier = policy.choose(order, now)
        success, took_s = truths[supplier].answer(answers)
        heappush(on_their_way, (now + took_s, order, supplier, success, took_s))
        values = [_value(truth, cheapest) for truth in truths]
        best = max(range(SUPPLIERS), key=values.__getitem__)
        value_lost += values[best] - values[supplier]
        success_lost += truths[best].success - truths[supplier].success
    return Gap(100 * value_lost / orders, 100 * success_lost / orders)


def _value(truth: Truth, cheapest: float) -> float:
    cost = RULES.cost_weight * (truth.cost / cheapest - 1)
    return truth.success - cost - RULES.latency_weight / 100 * truth.latency_s


def measure(*, seeds: Sequence[int] = SEEDS, orders: int = ORDERS) -> dict[str, float]:
    """Every figure of the simulation is the mean over the seeds; those of each seed stand behind."""
    results = {"decision_p95_ms": round(decision_p95_ms(), 3)}
    gaps = {
        name: [simulate(policy, seed, orders) for seed in seeds]
        for name, policy in (("oracle", Routed), ("static", Static), ("breaker", WithBreakers))
    }
    for name, each in gaps.items():
        results[f"{name}_gap_pp"] = round(sum(gap.value_pp for gap in each) / len(each), 2)
        results[f"{name}_success_gap_pp"] = round(sum(gap.success_pp for gap in each) / len(each), 2)
    results |= {f"{name}_gap_pp_{seed}": round(gap.value_pp, 2)
                for name, each in gaps.items() for seed, gap in zip(seeds, each, strict=True)}  # fmt: skip
    return results


def decision_p95_ms(seconds: float = 5.0) -> float:
    """Milliseconds of a decision among 200 offers of one good, while 1,000 a second are made and as many answered."""
    router, random, wanted = Router(Random(0)), Random(1), Wanted(quantity=1, wholesale_price=Decimal(10))  # noqa: S311
    candidates = [
        Candidate(number, number % 40, f"supplier {number % 40}", "", Decimal(5) + Decimal(number) / 100, stock=500)
        for number in range(OFFERS)
    ]
    took_ms: list[float] = []
    begun = time.perf_counter()
    for order in range(int(seconds * DECISIONS_PER_S)):
        late = begun + order / DECISIONS_PER_S - time.perf_counter()
        if late > 0:
            time.sleep(late)
        now = datetime.now(UTC)
        started = time.perf_counter()
        decision = router.decide(candidates, wanted, RULES, now)
        took_ms.append((time.perf_counter() - started) * 1000)
        learns = decision.chosen if decision.chosen and order % 2 else candidates[order % OFFERS]
        router.sent(order, learns.offer_id, learns.supplier_id, now.timestamp())
        outcome = Outcome.DELIVERED if random.random() < 0.9 else Outcome.FAILED
        router.answered(order, learns.offer_id, learns.supplier_id, now.timestamp(), outcome, "refused", 1.0)
    return percentile(sorted(took_ms), 0.95)
