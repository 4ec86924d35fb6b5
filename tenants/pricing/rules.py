"""What a rule makes of costs and competitors. Pure.

cost_plus     the wholesale price plus per cent or yuan
keep_margin   the price that leaves a share of itself after fees and commissions
follow        what competitors ask: the same, some less, never above or never below them
leave         prices are left alone
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from tenants.pricing import floors
from tenants.pricing.floors import Shares
from tenants.pricing.rounding import Grid

Kind = Literal["cost_plus", "follow", "keep_margin", "leave"]
Mode = Literal["match", "undercut", "not_above", "not_below"]
Pick = Literal["lowest", "median"]
HUNDRED = Decimal(100)


class Terms(Struct, frozen=True, kw_only=True):
    """A rule's figures. `by` is per cent or yuan on top of the cost, or less than the competitor; `margin` is what
    `keep_margin` aims at and `least_margin` what every rule leaves at least, in per cent of the price; `least` the
    least price and `cost` the cost of a product of the station's own, in yuan; `feed_id`: of this feed only;
    `past_list`: may rise above the list price."""

    by: Decimal = Decimal(0)
    by_percent: bool = True
    margin: Decimal = Decimal(0)
    mode: Mode = "match"
    pick: Pick = "lowest"
    feed_id: int | None = None
    least_margin: Decimal = Decimal(0)
    least: Decimal | None = None
    cost: Decimal | None = None
    past_list: bool = True
    step: Decimal = Decimal("0.01")
    ending: Decimal | None = None

    @property
    def grid(self) -> Grid:
        return Grid(self.step, self.ending)


class Rule(Struct, frozen=True):
    """A rule and where it stands: of a product, a category, or (both None) the whole shop."""

    id: int
    product_id: int | None
    category_id: int | None
    kind: Kind
    terms: Terms
    is_automatic: bool
    is_paused: bool

    @property
    def scope(self) -> str:
        return "product" if self.product_id else "category" if self.category_id else "shop"


class Book:
    """All rules of a station, and which counts for what: the product's own, else that of its category or the nearest
    one above, else that of the whole shop. A paused rule is as if it were not there."""

    def __init__(self, rules: list[Rule], parents: Mapping[int, int | None]) -> None:
        self._parents = parents
        live = [rule for rule in rules if not rule.is_paused]
        self._pinned = {rule.product_id for rule in live if rule.product_id and rule.kind == "leave"}
        self._of_product = {one.product_id: one for one in live if one.product_id and one.kind != "leave"}
        self._of_category = {one.category_id: one for one in live if one.category_id}
        self._of_shop = next((one for one in live if one.scope == "shop"), None)

    def is_pinned(self, *products: int | None) -> bool:
        return any(product in self._pinned for product in products if product)

    def rule_of(self, product_id: int, head_id: int | None, category_id: int | None) -> Rule | None:
        """The rule that prices a product now; None: nothing does. A variant has its head's where it has none."""
        if self.is_pinned(product_id, head_id):
            return None
        found = self._of_product.get(product_id) or (self._of_product.get(head_id) if head_id else None)
        at, seen = category_id, set[int]()
        while found is None and at is not None and at not in seen:
            seen.add(at)
            found, at = self._of_category.get(at), self._parents.get(at)
        found = found or self._of_shop
        return None if found is None or found.kind == "leave" else found


def target(
    kind: Kind, terms: Terms, wholesale: Decimal | None, shares: Shares, market: Decimal | None, current: Decimal
) -> Decimal | None:
    """The price that the rule aims at, on its grid; None where what it needs is not known. What is put on a cost is
    rounded up, what undercuts is rounded down."""
    grid = terms.grid
    if kind == "follow":
        return None if market is None else _following(terms, market, current)
    if wholesale is None:
        return None
    if kind == "keep_margin":
        return grid.up(floors.landed(wholesale, Shares(shares.fee, shares.commission), terms.margin / HUNDRED)[1])
    more = wholesale * terms.by / HUNDRED if terms.by_percent else terms.by
    return grid.up(wholesale + more)


def _following(terms: Terms, market: Decimal, current: Decimal) -> Decimal:
    grid, off = terms.grid, market * terms.by / HUNDRED if terms.by_percent else terms.by
    if terms.mode == "undercut":
        return max(grid.down(market - off), grid.step)
    if terms.mode == "not_above":
        return current if current <= market else max(grid.down(market), grid.step)
    if terms.mode == "not_below":
        return current if current >= market else grid.up(market)
    return grid.near(market)
