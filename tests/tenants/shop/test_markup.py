"""Prices of a listing in bulk: never below cost or the master's minimum."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kameng.core.errors import Invalid
from tenants.shop import markup
from tenants.shop.markup import ROUNDINGS, Band, Rounding, Terms

yuan = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(20_000), places=4)


@pytest.mark.parametrize(
    ("rounding", "price"),
    [("none", "12.35"), ("dime", "12.40"), ("nine", "12.39"), ("yuan", "13.00"), ("yuan_nine", "12.90")],
)
def test_prices_are_rounded_up(rounding: Rounding, price: str) -> None:
    assert markup.round_up(Decimal("12.341"), rounding) == Decimal(price)


@pytest.mark.parametrize(("cost", "price"), [("5.00", "6.50"), ("10.00", "12.50"), ("10.01", "11.02"), ("500", "525")])
def test_the_band_of_the_cost_decides(cost: str, price: str) -> None:
    bands = [
        Band(Decimal(10), Decimal(20), Decimal("0.50")),
        Band(Decimal(100), Decimal(10)),
        Band(None, Decimal(5)),
    ]

    assert markup.price(Terms(bands, "none"), Decimal(cost)) == Decimal(price)


@given(
    cost=yuan,
    floor=st.none() | yuan,
    percent=st.decimals(min_value=0, max_value=1000, places=2),
    add=st.decimals(min_value=0, max_value=100, places=2),
    rounding=st.sampled_from(list(ROUNDINGS)),
)
def test_no_price_is_below_cost_or_the_minimum(
    cost: Decimal, floor: Decimal | None, percent: Decimal, add: Decimal, rounding: Rounding
) -> None:
    price = markup.price(Terms([Band(None, percent, add)], rounding), cost, floor)

    assert price >= cost
    assert floor is None or price >= floor
    assert price > 0


@pytest.mark.parametrize(
    ("bands", "place"),
    [
        ([], "band-0"),
        ([Band(Decimal(10), Decimal(20))], "band-1"),
        ([Band(Decimal(10), Decimal(20)), Band(Decimal(5), Decimal(20)), Band(None, Decimal(1))], "band-1"),
        ([Band(None, Decimal(-1))], "band-0"),
        ([Band(None, Decimal(20)), Band(None, Decimal(20))], "band-1"),
    ],
)
def test_what_is_wrong_with_terms_is_told_at_its_line(bands: list[Band], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        markup.check(Terms(bands))

    assert place in refused.value.errors
