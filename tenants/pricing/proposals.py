"""What rules make of products now: the floor of each, and the next price. Tenant session; nothing is written."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from billing.wholesale.queries import Quote
from tenants.pricing import floors, limits, market, queries, rules, settings
from tenants.pricing.floors import Floor, Shares
from tenants.pricing.limits import Case, Change, Limits, Move
from tenants.pricing.market import Asked, Market
from tenants.pricing.queries import Product
from tenants.pricing.rules import Rule, Terms
from tenants.pricing.sets import Line, Reason
from tenants.pricing.settings import Settings

HUNDRED = Decimal(100)
OF_COST = ("cost_plus", "keep_margin")


class Proposal(Struct, frozen=True, kw_only=True):
    """A product under a rule, with all that its next price comes from."""

    product: Product
    rule: Rule
    cost: Decimal | None
    floor: Floor
    market: Market | None
    target: Decimal | None
    move: Move

    @property
    def line(self) -> Line | None:
        """The change; None where the price stays."""
        if self.move.price is None or self.move.price == self.product.price:
            return None
        reason = Reason(
            code=self.move.because,
            kind=self.rule.kind,
            rule_id=self.rule.id,
            wanted=self.target,
            market=self.market.price if self.market else None,
            feed=self.market.feed if self.market else "",
            cost=self.cost,
            floor=self.floor.price,
            bound=self.floor.because,
        )
        return Line(self.product.id, self.product.price, self.move.price, reason)

    @property
    def is_lift(self) -> bool:
        """Whether it is sold below its floor as long as it stays."""
        return self.product.price < self.floor.price


class Ground(Struct, frozen=True, kw_only=True):
    """What the price of one product stands on beside its rule."""

    quote: Quote | None
    shares: Shares
    asked: Sequence[Asked] = ()
    past: Sequence[Change] = ()
    cost_changed: bool = False


async def of_products(
    session: AsyncSession,
    set_to: Settings,
    now: datetime,
    *,
    products: Sequence[int] = (),
    goods: Sequence[int] = (),
    everything: bool = False,
    costs_changed: bool = False,
) -> list[Proposal]:
    """The proposals for these products, those of these goods, or all. What no rule governs is missing.
    `costs_changed`: just now, of all of them."""
    book = await queries.book(session)
    found = await queries.products(session, products=products, goods=goods, everything=everything)
    ruled = [(one, rule) for one in found if (rule := book.rule_of(one.id, one.variant_of, one.category_id))]
    numbers = [one.id for one, _ in ruled]
    quotes = await wholesale.quotes(session, sorted({one.good_id for one, _ in ruled if one.good_id is not None}))
    asked = await queries.asked(session, numbers)
    past = await queries.past(session, numbers, now - set_to.limits.looks_back, now)
    shares = await settings.shares(session, set_to)
    return [
        propose(
            one,
            rule,
            Ground(
                quote=quotes.get(one.good_id) if one.good_id is not None else None,
                shares=shares,
                asked=asked.get(one.id, ()),
                past=past.get(one.id, ()),
                cost_changed=costs_changed,
            ),
            set_to.limits,
            now,
        )
        for one, rule in ruled
    ]


def propose(product: Product, rule: Rule, ground: Ground, bounds: Limits, now: datetime) -> Proposal:
    """The next price of a product under a rule. Pure."""
    terms = rule.terms
    cost = cost_of(ground.quote, terms)
    least = floors.floor(
        cost,
        ground.shares,
        min_resale=ground.quote.min_resale if ground.quote else None,
        margin=terms.least_margin / HUNDRED,
        least=terms.least,
    )
    seen = market.reference(ground.asked, terms.pick, terms.feed_id, now) if rule.kind == "follow" else None
    wanted = rules.target(rule.kind, terms, cost, ground.shares, seen.price if seen else None, product.price)
    case = Case(
        current=product.price,
        target=wanted,
        floor=least.price,
        grid=terms.grid,
        ceiling=None if terms.past_list else product.list_price,
        past=ground.past,
        follows_cost=ground.cost_changed and rule.kind in OF_COST,
    )
    move = limits.decide(case, bounds, now)
    return Proposal(product=product, rule=rule, cost=cost, floor=least, market=seen, target=wanted, move=move)


def cost_of(quote: Quote | None, terms: Terms) -> Decimal | None:
    """What one unit costs the station: the wholesale price, or what its owner has said of a product of his own."""
    return quote.wholesale_price if quote else terms.cost
