"""What a good is sold for, from what it costs: the arithmetic of listing in bulk. Pure. Yuan for one unit."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct

from kameng.core.errors import Invalid
from kameng.web.i18n import N_

Rounding = Literal["none", "dime", "nine", "yuan", "yuan_nine"]
ROUNDINGS: dict[Rounding, str] = {
    "none": N_("To the cent"),
    "dime": N_("Up to a tenth: 12.30"),
    "nine": N_("Up to nine cents: 12.39"),
    "yuan": N_("Up to a whole yuan: 13.00"),
    "yuan_nine": N_("Up to .90: 12.90"),
}
# Each way: the step from one such price to the next, and how far above a whole step they lie.
STEPS: dict[Rounding, tuple[Decimal, Decimal]] = {
    "none": (Decimal("0.01"), Decimal(0)),
    "dime": (Decimal("0.1"), Decimal(0)),
    "nine": (Decimal("0.1"), Decimal("0.09")),
    "yuan": (Decimal(1), Decimal(0)),
    "yuan_nine": (Decimal(1), Decimal("0.9")),
}
MOST_BANDS = 6
MOST_PERCENT, MOST_ADD, MOST_PRICE = Decimal(1000), Decimal(10_000), Decimal(100_000)


class Band(Struct, frozen=True):
    """For goods that cost up to `up_to` (None: all dearer ones): so many per cent more, and so much more."""

    up_to: Decimal | None
    percent: Decimal
    add: Decimal = Decimal(0)


class Terms(Struct, frozen=True):
    """A template of prices: bands by what a good costs, rising, the last without an end; and how prices are rounded."""

    bands: list[Band]
    rounding: Rounding = "dime"


def check(terms: Terms) -> None:
    """Raises `Invalid` with an error at `band-<n>`."""
    errors: dict[str, str] = {}
    for n, band in enumerate(terms.bands):
        if not 0 <= band.percent <= MOST_PERCENT or not 0 <= band.add <= MOST_ADD:
            errors[f"band-{n}"] = N_("Write from 0 to 1000 per cent, and from 0 to 10,000 yuan more.")
        elif n and not _rises(terms.bands[n - 1].up_to, band.up_to):
            errors[f"band-{n}"] = N_("Each line is for dearer goods than the one before.")
    if not terms.bands or terms.bands[-1].up_to is not None:
        errors[f"band-{len(terms.bands)}"] = N_("The last line is for all dearer goods: leave its end empty.")
    if len(terms.bands) > MOST_BANDS:
        errors[f"band-{MOST_BANDS}"] = N_("At most 6 lines.")
    if errors:
        raise Invalid(errors)


def _rises(lower: Decimal | None, upper: Decimal | None) -> bool:
    return lower is not None and (upper is None or upper > lower)


def price(terms: Terms, cost: Decimal, floor: Decimal | None = None) -> Decimal:
    """The price of what costs `cost`: never below it, nor below the master's minimum `floor`."""
    band = _band(terms.bands, cost)
    wanted = max(cost * (1 + band.percent / 100) + band.add, cost, floor or Decimal(0), Decimal("0.01"))
    return min(max(round_up(wanted, terms.rounding), wanted), MOST_PRICE)


def _band(bands: Sequence[Band], cost: Decimal) -> Band:
    return next(band for band in bands if band.up_to is None or cost <= band.up_to)


def round_up(value: Decimal, rounding: Rounding) -> Decimal:
    """The next price of this kind that is not below `value`."""
    step, above = STEPS[rounding]
    steps = ((value - above) / step).to_integral_value(rounding=ROUND_CEILING)
    return (max(steps, Decimal(0)) * step + above).quantize(Decimal("0.01"))
