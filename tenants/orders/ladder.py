"""The quantity ladder: the more units, the less each costs. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any


def unit_price(price: Decimal, ladder: Sequence[Sequence[Any]], quantity: int) -> Decimal:
    """Yuan for one of `quantity` units. `ladder` is as products keep it: `[[10, "9.5000"], ...]`, one unit's price from
    that quantity on; below its first step `price` holds."""
    reached = [(least, each) for least, each in ladder if least <= quantity]
    return Decimal(str(max(reached, key=lambda step: step[0])[1])) if reached else price
