"""Whether a captured price is to be believed. Pure.

A price may differ from what the same article cost before by a third, or by four times its usual spread (the median
absolute deviation, scaled by 1.4826 to a standard deviation of normal values), but by no more than three fifths. What
differs more is believed once it has stood for a day and is still of the same order. What contradicts two or more other
feeds never is, nor is a price that is none, such as 0.01: a person can believe it by hand.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from msgspec import Struct

BELIEVED = "ok"
VERDICTS = (BELIEVED, "absurd", "jump", "odd", "far")
ABSURD_BELOW, ABSURD_ABOVE = Decimal("0.01"), Decimal(100_000)
USUAL, MOST = Decimal("0.35"), Decimal("0.6")
SPREADS = Decimal(4) * Decimal("1.4826")
STANDS_FOR = timedelta(hours=24)
SAME_ORDER = Decimal(3)
PEERS, PEERS_FACTOR = 2, Decimal(2)
OWN_FACTOR = Decimal(4)


class Spell(Struct, frozen=True):
    """A believed price that was captured `times` times in a row."""

    price: Decimal
    times: int


class Known(Struct, frozen=True, kw_only=True):
    """What a price is judged by. `own`: what the station itself asks for the matched product; `believed`: spells, the
    latest last; `peers`: what other feeds ask for the product now; `stands_since`: since when the article has cost
    just this and was not believed."""

    own: Decimal | None = None
    believed: Sequence[Spell] = ()
    peers: Sequence[Decimal] = ()
    stands_since: datetime | None = None


def judge(price: Decimal, known: Known, now: datetime) -> str:
    """`ok`, or why not: absurd (no price at all), odd (against other feeds), jump (against its own past), far (the
    first one, against the station's own price)."""
    if not ABSURD_BELOW < price <= ABSURD_ABOVE:
        return "absurd"
    if len(known.peers) >= PEERS and not _same_order(price, median(known.peers), PEERS_FACTOR):
        return "odd"
    if not known.believed:
        return BELIEVED if known.own is None or _same_order(price, known.own, OWN_FACTOR) else "far"
    if _is_usual(price, known.believed):
        return BELIEVED
    stood = known.stands_since is not None and now - known.stands_since >= STANDS_FOR
    return BELIEVED if stood and _same_order(price, known.believed[-1].price, SAME_ORDER) else "jump"


def _is_usual(price: Decimal, spells: Sequence[Spell]) -> bool:
    middle = weighted_median([(spell.price, spell.times) for spell in spells])
    spread = weighted_median([(abs(spell.price - middle), spell.times) for spell in spells])
    near = min((middle, spells[-1].price), key=lambda centre: abs(price - centre))
    return abs(price - near) <= min(max(near * USUAL, spread * SPREADS), near * MOST)


def _same_order(price: Decimal, other: Decimal, factor: Decimal) -> bool:
    return other <= price * factor and price <= other * factor


def weighted_median(values: Sequence[tuple[Decimal, int]]) -> Decimal:
    """The lower median of values that count several times each."""
    ordered = sorted(values)
    half, so_far = (sum(times for _, times in ordered) + 1) // 2, 0
    for value, times in ordered:
        so_far += times
        if so_far >= half:
            return value
    return ordered[-1][0]
