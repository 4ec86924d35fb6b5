"""Which offer is asked: what leaves one out, what makes one better, and what is learnt. The time is handed in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from msgspec.structs import replace

from supplier_gateway.port import Fault, Outcome
from supplier_gateway.routing.choice import Candidate, Decision, LeftOut, Reason, Rules, Wanted
from supplier_gateway.routing.router import Router

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CALM = Rules(explore_percent=0)
ONE = Wanted(quantity=1)


def offer(number: int, cost: str = "5.00") -> Candidate:
    return Candidate(number, number, f"supplier {number}", "sku", Decimal(cost))


class Bench:
    """A router with a clock that a test moves."""

    def __init__(self, seed: int = 1) -> None:
        self.router = Router(Random(seed))  # noqa: S311 - who is explored is no secret
        self.now = NOON
        self.orders = 0

    def decide(self, offers: Sequence[Candidate], wanted: Wanted = ONE, rules: Rules = CALM) -> Decision:
        return self.router.decide(offers, wanted, rules, self.now)

    def send(self, one: Candidate) -> int:
        self.orders += 1
        self.router.sent(self.orders, one.offer_id, one.supplier_id, self.now.timestamp())
        return self.orders

    def answer(self, order: int, one: Candidate, outcome: Outcome, fault: str = "", took_s: float = 1.0) -> None:
        now = self.now.timestamp()
        self.router.answered(order, one.offer_id, one.supplier_id, now, outcome, fault, took_s)

    def happens(self, one: Candidate, *outcomes: Outcome, fault: str = "", took_s: float = 1.0) -> None:
        """So many orders, one after the other."""
        for outcome in outcomes:
            order = self.send(one)
            self.now += timedelta(seconds=took_s)
            self.answer(order, one, outcome, fault if outcome is not Outcome.DELIVERED else "", took_s)

    def shares(self, offers: Sequence[Candidate], times: int = 200, rules: Rules = CALM) -> dict[int, float]:
        """How often each is chosen of so many decisions."""
        chosen = [decision.chosen for decision in (self.decide(offers, rules=rules) for _ in range(times))]
        return {one.offer_id: chosen.count(one) / times for one in offers}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def why(decision: Decision) -> dict[int, LeftOut]:
    return {one.offer_id: one.why for one in decision.left_out}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"active": False}, LeftOut.PAUSED),
        ({"stock": 1}, LeftOut.NO_STOCK),
        ({"balance_cents": 999, "balance_at": NOON}, LeftOut.NO_BALANCE),
        ({"priced_at": NOON - timedelta(hours=49)}, LeftOut.STALE_PRICE),
        ({"cost": Decimal("7.61")}, LeftOut.LOW_MARGIN),
    ],
)
def test_an_offer_that_cannot_or_should_not_be_asked_is_left_out_with_its_reason(
    bench: Bench, changes: dict[str, object], reason: LeftOut
) -> None:
    bad, good = replace(offer(1), **changes), offer(2, "7.00")
    wanted = Wanted(quantity=2, wholesale_price=Decimal("8.00"))

    decision = bench.decide([bad, good], wanted, Rules(explore_percent=0, least_margin_percent=Decimal(5)))

    assert why(decision) == {1: reason}
    assert decision.chosen == good
    assert decision.reason is Reason.ONLY


@pytest.mark.parametrize(
    "changes",
    [
        {"stock": 2},
        {"stock": None},
        {"balance_cents": 1000, "balance_at": NOON},
        {"balance_cents": 0, "balance_at": NOON - timedelta(minutes=11)},  # told too long ago to be believed
        {"priced_at": NOON - timedelta(hours=47)},
        {"priced_at": None},  # set by hand
    ],
)
def test_an_offer_at_the_limit_is_weighed(bench: Bench, changes: dict[str, object]) -> None:
    decision = bench.decide([replace(offer(1), **changes)], Wanted(quantity=2, wholesale_price=Decimal("5.00")))

    assert decision.left_out == []
    assert decision.chosen is not None


def test_without_anybody_to_ask_the_decision_says_why(bench: Bench) -> None:
    decision = bench.decide([replace(offer(1), stock=0), replace(offer(2), active=False)])

    assert decision.reason is Reason.NOBODY
    assert decision.chosen is None
    assert why(decision) == {1: LeftOut.NO_STOCK, 2: LeftOut.PAUSED}


def test_among_equals_the_cheaper_is_chosen(bench: Bench) -> None:
    cheap, dear = offer(1, "5.00"), offer(2, "6.50")
    for one in (cheap, dear):
        bench.happens(one, *[Outcome.DELIVERED] * 100)

    assert bench.shares([cheap, dear])[1] > 0.95


def test_a_dearer_supplier_that_delivers_is_chosen_before_a_cheap_one_that_does_not(bench: Bench) -> None:
    cheap, dear = offer(1, "5.00"), offer(2, "5.20")
    bench.happens(cheap, *[Outcome.DELIVERED, Outcome.DELIVERED, Outcome.FAILED] * 30, fault=Fault.REFUSED)
    bench.happens(dear, *[Outcome.DELIVERED] * 90)

    decision = bench.decide([cheap, dear])

    assert decision.chosen == dear
    assert [one.offer_id for one in decision.weighed] == [2, 1]


def test_a_slow_supplier_is_chosen_when_time_counts_for_nothing(bench: Bench) -> None:
    slow, fast = offer(1, "5.00"), offer(2, "5.05")
    bench.happens(slow, *[Outcome.DELIVERED] * 100, took_s=9.0)
    bench.happens(fast, *[Outcome.DELIVERED] * 100, took_s=0.5)

    assert bench.shares([slow, fast])[2] > 0.95
    patient = Rules(explore_percent=0, latency_weight=0, cost_weight=5)
    assert bench.shares([slow, fast], rules=patient)[1] > 0.9


def test_of_an_offer_that_nobody_has_asked_its_suppliers_other_offers_tell(bench: Bench) -> None:
    other = offer(1)
    bench.happens(other, *[Outcome.DELIVERED, Outcome.FAILED] * 4, *[Outcome.DELIVERED], fault=Fault.TIMEOUT)
    unknown_of_bad, unknown = Candidate(2, 1, "supplier 1", "b", Decimal(5)), offer(3)

    assert bench.shares([unknown_of_bad, unknown])[3] > 0.9


def test_a_supplier_that_fails_five_times_in_a_row_is_left_alone_then_probed_once(bench: Bench) -> None:
    sick, well = offer(1, "5.00"), offer(2, "6.00")
    for one in (sick, well):
        bench.happens(one, *[Outcome.DELIVERED] * 50)
    bench.happens(sick, *[Outcome.FAILED] * 5, fault=Fault.UNREACHABLE, took_s=0.01)

    assert why(bench.decide([sick, well])) == {1: LeftOut.BREAKER}
    bench.now += timedelta(seconds=6)
    probe = bench.decide([sick, well])
    assert (probe.chosen, probe.reason) == (sick, Reason.PROBE)
    order = bench.send(sick)
    assert bench.decide([sick, well]).chosen == well  # one probe at a time

    bench.answer(order, sick, Outcome.FAILED, Fault.UNREACHABLE)
    bench.now += timedelta(seconds=6)
    assert bench.decide([sick, well]).chosen == well  # it waits longer after a failed probe
    bench.now += timedelta(seconds=5)
    order = bench.send(sick)
    bench.answer(order, sick, Outcome.DELIVERED)
    assert bench.shares([sick, well])[1] > 0.9


def test_orders_that_are_overdue_count_before_their_time_out(bench: Bench) -> None:
    silent, well = offer(1, "5.00"), offer(2, "5.60")
    for one in (silent, well):
        bench.happens(one, *[Outcome.DELIVERED] * 60, took_s=0.5)
    for _ in range(5):
        bench.send(silent)
    assert bench.decide([silent, well]).chosen == silent

    bench.now += timedelta(seconds=1.5)

    assert why(bench.decide([silent, well])) == {1: LeftOut.BREAKER}


def test_what_a_supplier_does_not_have_says_nothing_of_its_other_offers(bench: Bench) -> None:
    empty, other = offer(1), Candidate(2, 1, "supplier 1", "b", Decimal(5))
    bench.happens(other, *[Outcome.DELIVERED] * 10)
    bench.happens(empty, *[Outcome.FAILED] * 6, fault=Fault.OUT_OF_STOCK)

    decision = bench.decide([empty, other])

    assert decision.chosen == other
    assert why(decision) == {1: LeftOut.BREAKER}


def test_a_supplier_that_accepts_and_works_on_is_not_overdue(bench: Bench) -> None:
    by_hand = offer(1)
    for _ in range(10):
        bench.answer(bench.send(by_hand), by_hand, Outcome.PENDING)
    bench.now += timedelta(minutes=10)

    assert bench.decide([by_hand]).chosen == by_hand


def test_a_pinned_supplier_goes_first_and_others_when_it_cannot(bench: Bench) -> None:
    pinned, better = offer(1, "6.00"), offer(2, "5.00")
    bench.happens(better, *[Outcome.DELIVERED] * 50)
    wanted = Wanted(quantity=1, pinned_supplier=1)

    first = bench.decide([pinned, better], wanted)
    second = bench.decide([pinned, better], replace(wanted, tried=frozenset({1})))

    assert (first.chosen, first.reason) == (pinned, Reason.PINNED)
    assert second.chosen == better
    alone = bench.decide([pinned, better], Wanted(1, tried=frozenset({1}), pinned_supplier=1, pinned_alone=True))
    assert alone.chosen is None
    assert why(alone) == {1: LeftOut.FAILED_NOW, 2: LeftOut.NOT_PINNED}


def test_what_a_person_asks_for_is_done_although_the_breaker_is_open(bench: Bench) -> None:
    sick, well = offer(1), offer(2)
    bench.happens(sick, *[Outcome.FAILED] * 5, fault=Fault.UNREACHABLE)

    decision = bench.decide([sick, well], Wanted(quantity=1, offer_id=1))

    assert (decision.chosen, decision.reason) == (sick, Reason.ASKED_FOR)


def test_what_is_forgotten_begins_anew(bench: Bench) -> None:
    sick = offer(1)
    bench.happens(sick, *[Outcome.FAILED] * 5, fault=Fault.UNREACHABLE)
    assert bench.decide([sick]).chosen is None

    bench.router.forget("offer", 1)
    bench.router.forget("supplier", 1)

    assert bench.decide([sick]).chosen == sick


def test_a_supplier_that_recovers_is_found_by_the_exploring_share(bench: Bench) -> None:
    was_bad, steady = offer(1, "5.00"), offer(2, "5.30")
    bench.happens(was_bad, *[Outcome.DELIVERED, Outcome.FAILED] * 40, fault=Fault.REFUSED)
    bench.happens(steady, *[Outcome.DELIVERED] * 80)
    rules = Rules(explore_percent=5)

    for _ in range(1_200):
        chosen = bench.decide([was_bad, steady], rules=rules).chosen
        assert chosen is not None
        bench.happens(chosen, Outcome.DELIVERED, took_s=1.0)

    assert bench.shares([was_bad, steady], rules=rules)[1] > 0.7
