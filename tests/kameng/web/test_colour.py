"""Contrast and the nearest colour that has enough of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kameng.web.colour import contrast, nearest, passes, text_on

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
BOTH = ("#ffffff", "#181c21")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
        ("#abcdef", "#abcdef", 1.0),
    ],
)
def test_contrast_is_as_wcag_reckons_it(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


@given(COLOURS)
def test_text_on_any_colour_can_be_read(colour: str) -> None:
    assert contrast(text_on(colour), colour) >= 4.5


@given(COLOURS)
def test_the_nearest_colour_passes_and_one_that_passes_stays(colour: str) -> None:
    found = nearest(colour, BOTH, 3.0)

    assert passes(found, BOTH, 3.0)
    assert (found == colour) == passes(colour, BOTH, 3.0)


def test_the_nearest_keeps_its_hue() -> None:
    """A yellow becomes an ochre, not a grey or a green."""
    red, green, blue = (int(nearest("#ffe000", BOTH, 3.0)[i : i + 2], 16) for i in (1, 3, 5))

    assert red > green > blue
    assert red - blue > 100
