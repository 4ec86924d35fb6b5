"""Prices that can be asked: on which grid they lie. Pure."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

STEPS = (Decimal("0.0001"), Decimal("0.01"), Decimal("0.1"), Decimal(1))
CHEAP = Decimal(1)  # below a yuan a fen is too coarse to move by some per cent
LEAST, MOST = Decimal("0.0001"), Decimal(100_000)


class Grid:
    """Whole `step`s, or with an `ending` the prices that have it behind the point, whatever the step."""

    def __init__(self, step: Decimal, ending: Decimal | None = None) -> None:
        self.step, self.offset = (step, Decimal(0)) if ending is None else (Decimal(1), ending)

    def near(self, price: Decimal) -> Decimal:
        return max(self._to(price, ROUND_HALF_UP), self.up(LEAST))

    def up(self, price: Decimal) -> Decimal:
        return self._to(price, ROUND_CEILING)

    def down(self, price: Decimal) -> Decimal:
        return self._to(price, ROUND_FLOOR)

    def _to(self, price: Decimal, how: str) -> Decimal:
        return ((price - self.offset) / self.step).quantize(Decimal(1), rounding=how) * self.step + self.offset


def fine(price: Decimal) -> Grid:
    """The finest grid for prices of this size: where a move is cut short, it ends on it."""
    return Grid(STEPS[0] if price < CHEAP else STEPS[1])


def up(price: Decimal) -> Decimal:
    """Up to the fine grid."""
    return fine(price).up(price)
