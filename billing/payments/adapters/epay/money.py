"""Yuan as epay writes them and cents as we keep them. Decimal all the way: a float cannot hold 0.01."""

import re
from decimal import Decimal

LARGEST_YUAN = 10**10
_MONEY = re.compile(r"[0-9]{1,10}(\.[0-9]{1,10})?", re.ASCII)


def yuan_text(cents: int) -> str:
    """1234 -> "12.34". Raises `ValueError` unless it is more than nothing."""
    if cents <= 0:
        raise ValueError("an amount is at least one cent")
    return str(Decimal(cents).scaleb(-2).quantize(Decimal("0.01")))


def exact_cents(text: str) -> int:
    """Plain digits of yuan to cents: 12.34 is 1234. Raises `ValueError` when it is anything else."""
    if not _MONEY.fullmatch(text):
        raise ValueError("not an amount")
    return whole_cents(Decimal(text))


def whole_cents(yuan: Decimal) -> int:
    """Raises `ValueError` when it is negative, not finite, huge, or not a whole number of cents."""
    if not yuan.is_finite() or not 0 <= yuan < LARGEST_YUAN:
        raise ValueError("not an amount")
    cents = yuan * 100
    if cents != cents.to_integral_value():
        raise ValueError("not a whole number of cents")
    return int(cents)
