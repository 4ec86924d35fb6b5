"""The decision, in process: offers that cannot or should not be asked are left out, the others are scored by what they
have done lately, how long they take and what they cost. Pure: time and chance are handed in.

`score = success - cost_weight * (percent above the cheapest) - latency_weight * seconds`, in points. Success is drawn
around its
estimate, the wider the less is known (Thompson sampling with a narrower draw: regret matters more here than
certainty). The
exploring share goes to another than the best, so that what is long unknown is seen again. docs/adr/0021 has the
figures.
"""

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from decimal import Decimal
from math import exp
from operator import attrgetter
from random import Random

from supplier_gateway.port import Fault, Outcome
from supplier_gateway.routing.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from supplier_gateway.routing.choice import Candidate, Decision, LeftOut, Passed, Reason, Rules, Wanted, Weighed
from supplier_gateway.routing.standing import PRIOR, Standing

WIDTH = 0.7  # standard deviations of the draw
EXPLORED_POINTS = 20.0  # an offer that is so much worse is explored a third (1/e) as often
PROBE_SUCCESS = 0.9  # a supplier that was broken is tried when, working again, it would be the best
LONGEST_S = 60.0  # of a supplier's time that counts: some are people
BALANCE_HOLDS_S = 600.0

# Say nothing of the supplier's other offers.
OFFERS_OWN = frozenset({Fault.OUT_OF_STOCK, Fault.REFUSED, Fault.PRICE})


class Known:
    """All that is remembered of one offer or one supplier."""

    __slots__ = ("breaker", "standing")

    def __init__(self) -> None:
        self.standing = Standing()
        self.breaker = Breaker()

    def state(self, now: float) -> str:
        standing = self.standing
        if standing.streak or standing.in_flight:
            self.breaker.look(standing.streak + standing.overdue(now), now)
        return self.breaker.state(now)

    def answered(self, key: Hashable, now: float, *, success: bool, latency_s: float | None) -> None:
        failures = self.standing.streak
        self.standing.answered(key, now, success=success, latency_s=latency_s)
        if self.breaker.answered(key, now, success=success):
            self.standing.recovered(failures)
        self.breaker.look(self.standing.streak, now)

    def dropped(self, key: Hashable, now: float) -> None:
        """The order has told nothing; the next may be the probe that it was to be."""
        self.standing.dropped(key)
        self.breaker.dropped(key, now)


class Router:
    """What one process knows of all offers and suppliers. `random` decides who is explored."""

    def __init__(self, random: Random) -> None:
        self.offers: dict[int, Known] = {}
        self.suppliers: dict[int, Known] = {}
        self._random = random

    def decide(self, candidates: Sequence[Candidate], wanted: Wanted, rules: Rules, now: datetime) -> Decision:
        """Chooses; tells nobody yet: see `sent`."""
        gate, at = _gate(wanted, rules, now), now.timestamp()
        fit: list[tuple[Candidate, bool]] = []  # with whether it would be a probe
        left_out: list[Passed] = []
        for candidate in candidates:
            why = gate(candidate)
            if why is None:
                state = self._state(candidate, at)
                if state != OPEN or wanted.offer_id is not None:  # a person knows what he does
                    fit.append((candidate, state == HALF_OPEN))
                    continue
                why = LeftOut.BREAKER
            left_out.append(Passed(candidate.offer_id, candidate.supplier_id, why))
        if not fit:
            return Decision(Reason.NOBODY, None, [], left_out)
        explores = self._random.random() * 100 < rules.explore_percent
        return self._best(fit, wanted, rules, at, left_out, explores=explores)

    def _best(
        self, fit: list[tuple[Candidate, bool]], wanted: Wanted, rules: Rules, at: float, left_out: list[Passed],
        *, explores: bool,
    ) -> Decision:  # fmt: skip
        cheapest = min(float(candidate.cost) for candidate, _ in fit) or 0.01
        cost_points = rules.cost_weight * 100 / cheapest
        normal = self._random.gauss
        weighed: list[Weighed] = []
        likeliest = drawn_best = float("-inf")
        chosen = expected = fit[0][0]
        is_probe = False
        for candidate, probes in fit:
            success, deviation, latency_s = (PROBE_SUCCESS, 0.0, 1.0) if probes else self._estimate(candidate, at)
            burden = cost_points * (float(candidate.cost) - cheapest) + rules.latency_weight * min(latency_s, LONGEST_S)
            score = success * 100 - burden
            drawn = score + 100 * WIDTH * deviation * normal(0.0, 1.0)
            if candidate.supplier_id == wanted.pinned_supplier:
                drawn += 1e6
            if drawn > drawn_best:
                drawn_best, chosen, is_probe = drawn, candidate, probes
            if score > likeliest:
                likeliest, expected = score, candidate
            weighed.append(
                Weighed(
                    candidate.offer_id,
                    candidate.supplier_id,
                    success,
                    int(latency_s * 1000),
                    str(candidate.cost),
                    score,
                )
            )
        if explores and chosen.supplier_id != wanted.pinned_supplier:
            chosen, is_probe = self._another(fit, chosen, is_probe, weighed)
        weighed.sort(key=attrgetter("score"), reverse=True)
        if wanted.offer_id is not None:
            reason = Reason.ASKED_FOR
        elif chosen.supplier_id == wanted.pinned_supplier:
            reason = Reason.PINNED
        elif is_probe:
            reason = Reason.PROBE
        elif len(fit) == 1:
            reason = Reason.ONLY
        else:
            reason = Reason.BEST if chosen is expected else Reason.EXPLORED
        return Decision(reason, chosen, weighed, left_out)

    def _another(
        self, fit: list[tuple[Candidate, bool]], best: Candidate, is_probe: bool, weighed: list[Weighed]
    ) -> tuple[Candidate, bool]:
        """One of the others, and whether it is a probe; the better the likelier. `weighed` is in the order of `fit`."""
        others = [(one, each.score) for (one, probes), each in zip(fit, weighed, strict=True)
                  if one is not best and not probes]  # fmt: skip
        if not others:
            return best, is_probe
        most = max(score for _, score in others)
        weights = [exp((score - most) / EXPLORED_POINTS) for _, score in others]
        return self._random.choices([one for one, _ in others], weights)[0], False

    def sent(self, key: Hashable, offer_id: int, supplier_id: int, now: float) -> None:
        """An order is on its way; `key` is what its answer will be told by."""
        for known in (self._offer(offer_id), self._supplier(supplier_id)):
            if known.state(now) == HALF_OPEN:
                known.breaker.probes(key, now)
            known.standing.sent(key, now)

    def departed(self, key: Hashable, offer_id: int, supplier_id: int, now: float) -> None:
        """The call goes out only now: what came between it and the decision was ours."""
        for known in (self._offer(offer_id), self._supplier(supplier_id)):
            known.standing.dropped(key)
            known.standing.sent(key, now)

    def arrived(self, key: Hashable, offer_id: int, supplier_id: int) -> None:
        """The supplier has said something; what it is follows. Until then nobody counts on it being late."""
        self._offer(offer_id).standing.dropped(key)
        self._supplier(supplier_id).standing.dropped(key)

    def answered(
        self, key: Hashable, offer_id: int, supplier_id: int, now: float, outcome: Outcome, fault: str, took_s: float
    ) -> None:
        """The first that is known of an order. One that the supplier is still at says nothing yet."""
        offer, supplier = self._offer(offer_id), self._supplier(supplier_id)
        if outcome is Outcome.PENDING:
            offer.standing.dropped(key)
            supplier.standing.dropped(key)
            return
        if outcome is Outcome.FAILED and fault == Fault.INPUT:
            # A buyer wrote a wrong number and was told so: whoever does that on purpose must not take a supplier from
            # all others.
            offer.dropped(key, now)
            supplier.dropped(key, now)
            return
        success = outcome is Outcome.DELIVERED
        latency_s = min(took_s, LONGEST_S) if success else None
        offer.answered(key, now, success=success, latency_s=latency_s)
        if outcome is Outcome.PARTIAL or (outcome is Outcome.FAILED and fault in OFFERS_OWN):
            supplier.answered(key, now, success=True, latency_s=None)  # it answers, and means it
        else:
            supplier.answered(key, now, success=success, latency_s=latency_s)

    def forget(self, scope: str, subject: int) -> None:
        """What was learnt of an `offer` or a `supplier` does not count any more."""
        (self.offers if scope == "offer" else self.suppliers).pop(subject, None)

    def _state(self, candidate: Candidate, at: float) -> str:
        offer, supplier = self.offers.get(candidate.offer_id), self.suppliers.get(candidate.supplier_id)
        states = {offer.state(at) if offer else CLOSED, supplier.state(at) if supplier else CLOSED}
        return OPEN if OPEN in states else HALF_OPEN if HALF_OPEN in states else CLOSED

    def _estimate(self, candidate: Candidate, at: float) -> tuple[float, float, float]:
        supplier, offer = self.suppliers.get(candidate.supplier_id), self.offers.get(candidate.offer_id)
        prior = supplier.standing.success(at)[0] if supplier else PRIOR
        if offer is None:  # what is known of the supplier, with the doubt of an offer that nobody has asked
            return prior, 0.1, supplier.standing.latency_s if supplier else 1.0
        return *offer.standing.success(at, prior), offer.standing.latency_s

    def _offer(self, offer_id: int) -> Known:
        return self.offers.setdefault(offer_id, Known())

    def _supplier(self, supplier_id: int) -> Known:
        return self.suppliers.setdefault(supplier_id, Known())


def _gate(wanted: Wanted, rules: Rules, now: datetime) -> Callable[[Candidate], LeftOut | None]:
    """What stands in an offer's way before it is weighed."""
    most = most_cost(wanted.wholesale_price, rules)
    fresh_s = rules.fresh_hours * 3600

    def why_not(one: Candidate) -> LeftOut | None:
        if not one.active:
            return LeftOut.PAUSED
        if wanted.offer_id is not None:
            return None if one.offer_id == wanted.offer_id else LeftOut.NOT_ASKED_FOR
        if one.offer_id in wanted.tried:
            return LeftOut.FAILED_NOW
        if wanted.pinned_alone and one.supplier_id != wanted.pinned_supplier:
            return LeftOut.NOT_PINNED
        if one.stock is not None and one.stock < wanted.quantity:
            return LeftOut.NO_STOCK
        if most is not None and one.cost > most:
            return LeftOut.LOW_MARGIN
        if one.priced_at is not None and (now - one.priced_at).total_seconds() > fresh_s:
            return LeftOut.STALE_PRICE
        if (
            one.balance_cents is not None
            and one.balance_at is not None
            and one.balance_cents < one.cost * wanted.quantity * 100
            and (now - one.balance_at).total_seconds() < BALANCE_HOLDS_S
        ):
            return LeftOut.NO_BALANCE
        return None

    return why_not


def most_cost(wholesale_price: Decimal | None, rules: Rules) -> Decimal | None:
    """The highest cost of one unit that leaves the least margin."""
    if wholesale_price is None:
        return None
    return wholesale_price * (1 - rules.least_margin_percent / 100)
