"""Prices by rule: what a person writes, and what it makes of a cost.

    8.00                     a fixed price
    cost+5%                  five per cent on top, rounded up to 0.01 yuan
    cost+0.30 up 0.1         thirty fen on top, rounded up to 0.1 yuan
    cost+5% near 1 end .9    rounded to the nearest price that ends in .90

A rule never loses money: where rounding to the nearest would lead below the cost, it is rounded up.
"""

import re
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from unicodedata import normalize

from msgspec import Struct

from kameng.core.errors import Refused

STEPS = (Decimal("0.01"), Decimal("0.1"), Decimal("1"))
MOST_PERCENT, MOST_AMOUNT = Decimal(1000), Decimal(100_000)
MOST_PRICE = Decimal(100_000)
PLACES = Decimal("0.0001")
FORM = re.compile(
    r"""(?: cost | 进价 | 成本 ) \s* \+ \s* (?P<more> \d{1,6} (?: \.\d{1,4} )? ) \s* (?P<percent> % )?
        (?: \s* (?P<direction> up | near ) \s* (?P<step> 0?\.01 | 0?\.1 | 1 ) )?
        (?: \s* end \s* 0? (?P<ending> \.\d{1,2} ) )?""",
    re.VERBOSE | re.IGNORECASE,
)


class BadRule(Refused):
    message = "Write a price such as 8.00, or a rule such as cost+0.30 up 0.1."


class Rule(Struct, frozen=True):
    """What is put on top of a cost: `more` per cent or yuan. Rounded to whole `step`s; with an `ending` to prices
    that have it behind the point, whatever the step."""

    more: Decimal
    is_percent: bool
    direction: str = "up"  # or "near"
    step: Decimal = STEPS[0]
    ending: Decimal | None = None

    def __str__(self) -> str:
        """As it is kept: the same rule is always the same text."""
        parts = [f"cost+{_plain(self.more)}{'%' if self.is_percent else ''}"]
        if (self.direction, self.step) != ("up", STEPS[0]) or self.ending is not None:
            parts.append(f"{self.direction} {_plain(self.step)}")
        if self.ending is not None:
            parts.append(f"end {_plain(self.ending).removeprefix('0')}")
        return " ".join(parts)

    def price(self, cost: Decimal) -> Decimal:
        """Yuan for one unit, more than 0 and not below `cost`."""
        raw = cost * (1 + self.more / 100) if self.is_percent else cost + self.more
        grid, offset = (self.step, Decimal(0)) if self.ending is None else (Decimal(1), self.ending)
        rounding = ROUND_CEILING if self.direction == "up" else ROUND_HALF_UP
        price = _on_grid(raw, grid, offset, rounding)
        if price < cost or price <= 0:
            price = _on_grid(max(raw, PLACES), grid, offset, ROUND_CEILING)
        return price


def _on_grid(raw: Decimal, grid: Decimal, offset: Decimal, rounding: str) -> Decimal:
    return ((raw - offset) / grid).quantize(Decimal(1), rounding=rounding) * grid + offset


def parse(text: str) -> Rule:
    """Reads a rule; full-width signs count as plain ones. Raises `BadRule`."""
    found = FORM.fullmatch(normalize("NFKC", text).strip())
    if found is None:
        raise BadRule
    more, is_percent = Decimal(found["more"]), bool(found["percent"])
    if more > (MOST_PERCENT if is_percent else MOST_AMOUNT):
        raise BadRule
    return Rule(
        more=more,
        is_percent=is_percent,
        direction=(found["direction"] or "up").lower(),
        step=next(step for step in STEPS if step == Decimal(found["step"] or "0.01")),
        ending=Decimal("0" + found["ending"]) if found["ending"] else None,
    )


def canonical(text: str) -> str:
    """The one way to write this rule. Raises `BadRule`."""
    return str(parse(text))


def price_of(rule: str, cost: Decimal | None) -> Decimal | None:
    """What a kept rule makes of a cost; None while nobody supplies the good."""
    return None if cost is None else min(parse(rule).price(cost), MOST_PRICE)


def _plain(number: Decimal) -> str:
    """`Decimal("5.0")` -> `5`, `Decimal("0.30")` -> `0.3`."""
    return f"{number.normalize():f}"
