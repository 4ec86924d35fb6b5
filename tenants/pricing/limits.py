"""How far a price may move at once, in a day, and how often. Pure.

A price below its floor is lifted onto it at once, whatever the limits say: each sale there is a loss. When a cost has
changed, rules that stand on costs are not kept waiting, and go up the whole way. Everything else goes in steps that fit
all limits, so that no slip, of a competitor or of a rule, costs more than a step before somebody sees it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from tenants.pricing import rounding
from tenants.pricing.rounding import Grid

DAY = timedelta(days=1)
OF_RULES = "rule"


class Limits(Struct, frozen=True, kw_only=True):
    """`step` and `drift` bound one move and a day, `least` is the smallest move worth making: shares of the price. A
    price moves at most once in `cool_down_min` and turns round at most once in `turn_min` minutes."""

    step: Decimal
    drift: Decimal
    least: Decimal
    cool_down_min: int
    turn_min: int

    @property
    def looks_back(self) -> timedelta:
        """How much of a product's past decides."""
        return max(DAY, timedelta(minutes=max(self.cool_down_min, self.turn_min)))


class Change(Struct, frozen=True):
    """A price that was changed: by a rule, by hand, taken back, or listed (then `old` is None)."""

    at: datetime
    old: Decimal | None
    new: Decimal
    source: str

    @property
    def rose(self) -> bool | None:
        return None if self.old is None else self.new > self.old


class Case(Struct, frozen=True, kw_only=True):
    """One product: what it costs now, what a rule wants (None: nothing), and between what it must stay. `past`: its
    changes, oldest first. `follows_cost`: the rule stands on the cost, and that has just changed."""

    current: Decimal
    target: Decimal | None
    floor: Decimal
    grid: Grid
    ceiling: Decimal | None = None
    past: Sequence[Change] = ()
    follows_cost: bool = False


class Move(Struct, frozen=True):
    """`price`: the new one, None where it stays. `because`: floor, cost, rule, step, drift; or why it stays: there,
    small, cools, turns, step, drift, unknown."""

    price: Decimal | None
    because: str


def decide(case: Case, limits: Limits, now: datetime) -> Move:
    """The next price of a product."""
    current = case.current
    if current < case.floor:
        lifted = case.grid.up(case.floor)
        if case.follows_cost and case.target is not None and (wanted := _between(case)) > lifted:
            return Move(wanted, "cost")
        return Move(lifted, "floor")
    if case.target is None:
        return Move(None, "unknown")
    wanted = _between(case)
    if wanted == current:
        return Move(None, "there")
    if case.follows_cost:
        if wanted > current:
            return Move(wanted, "cost")
        return _step(current, wanted, _day_ago(case, now), limits)
    if abs(wanted - current) < current * limits.least:
        return Move(None, "small")
    if case.past and now - case.past[-1].at < timedelta(minutes=limits.cool_down_min):
        return Move(None, "cools")
    if _turned_lately(case.past, now - timedelta(minutes=limits.turn_min), rises=wanted > current):
        return Move(None, "turns")
    return _step(current, wanted, _day_ago(case, now), limits)


def _between(case: Case) -> Decimal:
    """What is wanted, under the ceiling and over the floor. Where they cross, the floor is right."""
    wanted = case.target if case.target is not None else case.current
    if case.ceiling is not None and wanted > case.ceiling:
        wanted = case.grid.down(case.ceiling)
    return wanted if wanted >= case.floor else case.grid.up(case.floor)


def _turned_lately(past: Sequence[Change], since: datetime, *, rises: bool) -> bool:
    """Whether moving this way turns the price round, and it has been turned round since then already."""
    ways = [(one.at, one.rose) for one in past if one.source == OF_RULES and one.rose is not None]
    if not ways or ways[-1][1] == rises:
        return False
    turns = [at for (_, before), (at, way) in pairwise(ways) if before != way]
    return bool(turns) and turns[-1] > since


def _day_ago(case: Case, now: datetime) -> Decimal:
    """The price that the day's drift is counted from: that of a day ago, or what a person has set since."""
    base = case.current
    for change in reversed([one for one in case.past if one.at > now - DAY]):
        if change.source != OF_RULES or change.old is None:
            return change.new
        base = change.old
    return base


def _step(current: Decimal, wanted: Decimal, day_ago: Decimal, limits: Limits) -> Move:
    rises = wanted > current
    way = 1 if rises else -1
    by_step, by_drift = current * (1 + way * limits.step), day_ago * (1 + way * limits.drift)
    bounds = {"step": by_step, "drift": by_drift, "rule": wanted}
    because = (min if rises else max)(bounds, key=lambda name: bounds[name])
    price = bounds[because]
    if because != "rule":
        price = rounding.fine(price).down(price) if rises else rounding.fine(price).up(price)
    if price == current or (price > current) != rises:
        return Move(None, because)
    return Move(price, because)
