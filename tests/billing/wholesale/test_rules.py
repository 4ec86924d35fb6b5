"""What a rule makes of a cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.wholesale import rules
from billing.wholesale.rules import STEPS, BadRule, Rule

COSTS = st.decimals(min_value=0, max_value=5000, places=4)
RULES = st.builds(
    Rule,
    more=st.decimals(min_value=0, max_value=500, places=2),
    is_percent=st.booleans(),
    direction=st.sampled_from(["up", "near"]),
    step=st.sampled_from(STEPS),
    ending=st.none() | st.decimals(min_value="0.01", max_value="0.99", places=2),
)


@pytest.mark.parametrize(
    ("rule", "cost", "price"),
    [
        ("cost+5%", "8.00", "8.40"),
        ("cost+5%", "8.01", "8.42"),  # 8.4105 is rounded up
        ("cost+0.30", "8.00", "8.30"),
        ("cost + 0.30 up 0.1", "8.01", "8.4"),
        ("cost+5% near 0.1", "8.00", "8.4"),
        ("cost+5% near 1", "8.00", "8"),
        ("cost+10% near 1", "8.00", "9"),
        ("cost+5% up 1 end .9", "8.00", "8.9"),
        ("cost+20% up 1 end .9", "8.00", "9.9"),
        ("cost+5% end .99", "100", "105.99"),
        ("cost+0% near 1", "8.40", "9"),  # 8 is nearer, and would lose money
        ("COST+5%", "8", "8.40"),
        ("进价＋５％", "8", "8.40"),
        ("cost+0", "0", "0.01"),
    ],
)
def test_a_rule_makes_a_price(rule: str, cost: str, price: str) -> None:
    assert rules.parse(rule).price(Decimal(cost)) == Decimal(price)


@pytest.mark.parametrize(
    "text",
    ["", "cost", "cost-5%", "5%", "cost+-5%", "cost+5% up 0.5", "cost+1001%", "cost+5% end 9", "=cost+5%", "x" * 99],
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(BadRule):
        rules.parse(text)


@given(RULES)
def test_a_rule_is_read_as_it_is_written(rule: Rule) -> None:
    assert rules.parse(str(rule)) == rule
    assert rules.canonical(str(rule)) == str(rule)


@given(RULES, COSTS)
def test_no_rule_sells_below_cost_or_for_nothing(rule: Rule, cost: Decimal) -> None:
    price = rule.price(cost)

    assert price > 0
    assert price >= cost
    assert price - cost * (1 + rule.more / 100) < 1 if rule.is_percent else price - cost - rule.more < 1
