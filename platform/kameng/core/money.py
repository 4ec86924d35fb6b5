"""Money: integer cents (fen) of CNY for amounts, `Decimal` yuan for unit prices. Never float."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from kameng.core.errors import Refused

CENT = Decimal("0.01")
MAX_CENTS = 10**12


def total_cents(unit_price: Decimal, quantity: int) -> int:
    """Amount in cents of `quantity` units at `unit_price` yuan, rounded once, half up."""
    return int((unit_price * quantity * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_yuan(cents: int) -> Decimal:
    """`1234` -> `Decimal("12.34")`."""
    return (Decimal(cents) / 100).quantize(CENT)


def to_cents(yuan: Decimal) -> int:
    """`Decimal("12.34")` -> `1234`. Raises `Refused` when a fraction of a cent is left."""
    cents = yuan * 100
    if cents != cents.to_integral_value():
        raise Refused("An amount has at most two decimals.")
    return int(cents)


def parse_yuan(text: str) -> Decimal:
    """What a person typed as an amount, in yuan with at most two decimals. Raises `Refused`."""
    try:
        yuan = Decimal(text.strip().removeprefix("¥").replace(",", ""))
    except InvalidOperation:
        raise Refused("Write an amount such as 12.34.") from None
    if not yuan.is_finite() or abs(yuan) * 100 > MAX_CENTS:
        raise Refused("Write an amount such as 12.34.")
    to_cents(yuan)
    return yuan


def format_cents(cents: int) -> str:
    """`-123456` -> `-¥1,234.56`."""
    sign = "-" if cents < 0 else ""
    return f"{sign}¥{to_yuan(abs(cents)):,.2f}"
