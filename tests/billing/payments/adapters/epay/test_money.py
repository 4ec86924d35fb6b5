from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.payments.adapters.epay.money import exact_cents, whole_cents, yuan_text


@given(st.integers(min_value=1, max_value=10**11))
def test_cents_survive_the_way_to_text_and_back(cents: int) -> None:
    text = yuan_text(cents)
    assert exact_cents(text) == cents
    assert text[-3] == "."


@pytest.mark.parametrize(("text", "cents"), [("1", 100), ("1.0", 100), ("1.000", 100), ("0.01", 1), ("0", 0)])
def test_plain_decimals_are_read_exactly(text: str, cents: int) -> None:
    assert exact_cents(text) == cents


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.001",
        "0.001",
        "1e2",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1.",
        ".5",
        "1,00",
        "NaN",
        "Infinity",
        "１",
        "٣",
        "1\n",
    ],
)
def test_anything_else_is_not_an_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        exact_cents(text)


@pytest.mark.parametrize("yuan", ["NaN", "Infinity", "-1", "1e999999", "0.001"])
def test_a_decimal_that_is_no_money_is_refused(yuan: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        whole_cents(Decimal(yuan))


@pytest.mark.parametrize("cents", [0, -1])
def test_nothing_cannot_be_paid(cents: int) -> None:
    with pytest.raises(ValueError, match="at least one cent"):
        yuan_text(cents)
