"""Money is counted in whole cents and rounded once."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kameng.core.errors import Refused
from kameng.core.money import format_cents, parse_yuan, to_cents, to_yuan, total_cents

cents = st.integers(-(10**12), 10**12)
unit_prices = st.decimals("0.0001", "100000", places=4)


@given(cents)
def test_yuan_and_cents_are_the_same_amount(amount: int) -> None:
    assert to_cents(to_yuan(amount)) == amount


@given(cents)
def test_what_is_shown_can_be_typed_in(amount: int) -> None:
    shown = format_cents(amount)
    typed = shown.replace("¥", "")
    assert to_cents(parse_yuan(typed)) == amount


@given(unit_prices, st.integers(1, 1000))
def test_a_total_is_rounded_once_half_up(price: Decimal, quantity: int) -> None:
    exact = price * quantity * 100
    assert total_cents(price, quantity) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize("typed", ["", "abc", "1.001", "NaN", "Infinity", "1e99", "--1", "¥"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(Refused):
        parse_yuan(typed)
