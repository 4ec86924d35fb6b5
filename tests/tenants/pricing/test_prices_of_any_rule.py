"""For any rule, competitors and costs: the price is not below its floor, and moves keep to their limits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.wholesale.queries import Quote
from tenants.pricing import floors, outliers, proposals
from tenants.pricing.floors import Shares
from tenants.pricing.limits import OF_RULES, Change, Limits
from tenants.pricing.market import Asked
from tenants.pricing.outliers import Known, Spell
from tenants.pricing.proposals import Ground
from tenants.pricing.queries import Product
from tenants.pricing.rules import Rule, Terms

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FEN = Decimal("0.01")


def decimals(least: str, most: str, places: int = 2) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(least), Decimal(most), places=places, allow_nan=False, allow_infinity=False)


PRICES = decimals("0.02", "3000")
TERMS = st.builds(
    Terms,
    by=decimals("0", "60"),
    by_percent=st.booleans(),
    margin=decimals("0", "80"),
    mode=st.sampled_from(["match", "undercut", "not_above", "not_below"]),
    pick=st.sampled_from(["lowest", "median"]),
    least_margin=decimals("0", "60"),
    least=st.none() | PRICES,
    past_list=st.booleans(),
    step=st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal(1)]),
    ending=st.none() | st.sampled_from([Decimal("0.9"), Decimal("0.99")]),
)
RULES = st.builds(
    Rule,
    id=st.just(1),
    product_id=st.just(1),
    category_id=st.none(),
    kind=st.sampled_from(["cost_plus", "follow", "keep_margin"]),
    terms=TERMS,
    is_automatic=st.just(True),
    is_paused=st.just(False),
)
SHARES = st.builds(
    Shares, fee=decimals("0", "0.1", 3), commission=decimals("0", "0.3", 3), coupon=decimals("0", "0.5", 3)
)
LIMITS = st.builds(
    Limits,
    step=decimals("0.01", "0.5"),
    drift=decimals("0.01", "0.9"),
    least=decimals("0", "0.1"),
    cool_down_min=st.integers(0, 300),
    turn_min=st.integers(0, 3000),
)


@st.composite
def grounds(draw: st.DrawFn) -> Ground:
    quote = draw(st.none() | st.builds(
        Quote, good_id=st.just(1), wholesale_price=PRICES, in_pool=st.just(1), available=st.just(1),
        min_resale=st.none() | PRICES, basis=st.just("tier:1"),
    ))  # fmt: skip
    asked = [
        Asked(1, number, number, f"feed {number}", price, NOW - timedelta(minutes=age), 60)
        for number, (price, age) in enumerate(draw(st.lists(st.tuples(PRICES, st.integers(0, 400)), max_size=4)))
    ]
    return Ground(quote=quote, shares=draw(SHARES), asked=asked, past=draw(pasts()))


@st.composite
def pasts(draw: st.DrawFn) -> list[Change]:
    ages = sorted(draw(st.lists(st.integers(1, 4000), max_size=6)), reverse=True)
    prices = [draw(PRICES) for _ in range(len(ages) + 1)]
    sources = [draw(st.sampled_from(["rule", "hand", "rollback"])) for _ in ages]
    return [
        Change(NOW - timedelta(minutes=age), prices[at], prices[at + 1], sources[at]) for at, age in enumerate(ages)
    ]


def product(price: Decimal, list_price: Decimal | None = None) -> Product:
    return Product(1, "Pass", price, list_price, None, 1, None, None)


@settings(max_examples=400, deadline=None)
@given(PRICES, st.none() | PRICES, RULES, grounds(), LIMITS)
def test_no_price_goes_below_its_floor(
    price: Decimal, list_price: Decimal | None, rule: Rule, ground: Ground, limits: Limits
) -> None:
    proposal = proposals.propose(product(price, list_price), rule, ground, limits, NOW)
    after = proposal.line.new if proposal.line else price

    assert after >= proposal.floor.price >= proposal.floor.paid
    if ground.quote:
        paid = after * (1 - ground.shares.coupon)
        kept = paid * (1 - ground.shares.fee - ground.shares.commission)
        assert kept >= ground.quote.wholesale_price
        assert after >= (ground.quote.min_resale or 0)
    if rule.terms.least:
        assert after >= rule.terms.least


@settings(max_examples=400, deadline=None)
@given(PRICES, RULES, grounds(), LIMITS)
def test_moves_keep_to_step_drift_and_cool_down(price: Decimal, rule: Rule, ground: Ground, limits: Limits) -> None:
    proposal = proposals.propose(product(price), rule, ground, limits, NOW)
    line, past = proposal.line, ground.past
    if line is None or proposal.is_lift:
        return

    assert abs(line.new - line.old) <= line.old * limits.step
    assert not past or NOW - past[-1].at >= timedelta(minutes=limits.cool_down_min)
    day = [one for one in past if one.at > NOW - timedelta(days=1)]
    if all(one.source == OF_RULES for one in day):
        began = day[0].old if day and day[0].old is not None else line.old
        went_out = abs(line.new - began) > began * limits.drift
        came_nearer = abs(line.new - began) <= abs(line.old - began)
        assert not went_out or came_nearer


@settings(max_examples=200, deadline=None)
@given(PRICES, RULES, grounds(), LIMITS)
def test_the_same_again_changes_nothing(price: Decimal, rule: Rule, ground: Ground, limits: Limits) -> None:
    first = proposals.propose(product(price), rule, ground, limits, NOW)
    assert proposals.propose(product(price), rule, ground, limits, NOW) == first
    if first.line is None or not limits.cool_down_min:
        return
    there = Ground(
        quote=ground.quote, shares=ground.shares, asked=ground.asked,
        past=[*ground.past, Change(NOW, first.line.old, first.line.new, OF_RULES)],
    )  # fmt: skip

    again = proposals.propose(product(first.line.new), rule, there, limits, NOW + timedelta(seconds=1))

    assert again.line is None


@given(PRICES, SHARES, decimals("0", "0.5"))
def test_a_margin_never_lowers_a_floor(wholesale: Decimal, shares: Shares, margin: Decimal) -> None:
    plain = floors.floor(wholesale, shares)
    with_margin = floors.floor(wholesale, shares, margin=margin)

    assert with_margin.price >= plain.price >= wholesale
    assert with_margin.paid >= plain.paid >= wholesale


@given(st.lists(st.builds(Spell, PRICES.filter(lambda price: price > 1), st.integers(1, 500)), min_size=1, max_size=8))
def test_a_cent_is_never_believed(believed: list[Spell]) -> None:
    for stands_since in (None, NOW - timedelta(days=300)):
        known = Known(believed=believed, stands_since=stands_since)
        assert outliers.judge(FEN, known, NOW) == "absurd"
        if min(spell.price for spell in believed) > believed[-1].price / 10:
            assert outliers.judge(believed[-1].price / 50, known, NOW) != "ok"
