"""What rules would have made of the last 30 days: replayed over what competitors asked then, and over the orders that
were placed. Costs are those of today, and the same orders are assumed at any price: a simulation shows which way the
money goes, not how many buyers would have stayed away.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from kameng.core.money import total_cents
from tenants.pricing import market, proposals, queries, sets, settings
from tenants.pricing.limits import OF_RULES, Change, Limits
from tenants.pricing.market import Asked
from tenants.pricing.outliers import BELIEVED
from tenants.pricing.proposals import Ground
from tenants.pricing.queries import Product
from tenants.pricing.rules import Rule

DAYS = 30
EVERY = timedelta(hours=6)
MOST_PRODUCTS = 300  # those that sold most; more would take a worker longer than the figure is worth
OF_SOLD = ("delivered", "partial", "paid", "waiting")

ORDERS = text(
    """
    SELECT product_id, paid_at, quantity, total_cents, wholesale_cents FROM orders
    WHERE paid_at > :since AND paid_at <= :now AND product_id = ANY(:products) AND state = ANY(:states)
    ORDER BY product_id, paid_at
    """
)
SPELLS = text(
    """
    SELECT a.product_id, a.id, a.feed_id, f.name, c.price, c.first_at, c.last_at, f.every_minutes
    FROM price_captures c JOIN price_articles a ON a.id = c.article_id JOIN price_feeds f ON f.id = a.feed_id
    WHERE a.product_id = ANY(:products) AND c.verdict = :believed AND c.last_at > :since ORDER BY c.first_at, c.id
    """
)
BEFORE = text(
    """
    SELECT DISTINCT ON (product_id) product_id, coalesce(old_price, new_price) AS price FROM product_prices
    WHERE product_id = ANY(:products) AND at > :since ORDER BY product_id, at, id
    """
)


class Sold(Struct, frozen=True):
    """An order in the past: units, and cents of what was paid for them and of what they cost."""

    at: datetime
    quantity: int
    total_cents: int
    wholesale_cents: int


class Spell(Struct, frozen=True):
    """What a competitor asked for a while, and was believed."""

    asked: Asked
    first_at: datetime
    last_at: datetime


class Replay(Struct, frozen=True, kw_only=True):
    """One product with what has happened around it."""

    product: Product
    rule: Rule
    ground: Ground
    start: Decimal
    spells: Sequence[Spell]
    sold: Sequence[Sold]


class Scene(Struct, frozen=True):
    """All that a replay needs, read in one transaction."""

    replays: Sequence[Replay]
    limits: Limits
    now: datetime
    of: int


class Simulation(Struct, frozen=True, kw_only=True):
    """`changes`: how many moves the rules would have made in `days`; money in cents, as it was and as it would have
    been. `products` were looked at, of `of` that the change is about."""

    days: int = DAYS
    products: int
    of: int
    orders: int
    changes: int
    revenue_cents: int
    margin_cents: int
    new_revenue_cents: int
    new_margin_cents: int
    at: datetime


async def ground(session: AsyncSession, set_id: int, now: datetime) -> Scene:
    """Reads what a replay of this set's products needs. Raises `SetGone`."""
    wanted = [line.product_id for line in (await sets.one(session, set_id)).lines]
    set_to = await settings.read(session)
    since = now - timedelta(days=DAYS)
    sold = await _sold(session, wanted, since, now)
    best = sorted(wanted, key=lambda product: (-sum(one.quantity for one in sold.get(product, ())), product))
    chosen = best[:MOST_PRODUCTS]
    book = await queries.book(session)
    found = await queries.products(session, products=chosen)
    quotes = await wholesale.quotes(session, sorted({one.good_id for one in found if one.good_id is not None}))
    shares = await settings.shares(session, set_to)
    spells = await _spells(session, chosen, since)
    starts = {row.product_id: row.price for row in await session.execute(BEFORE, {"products": chosen, "since": since})}
    replays = [
        Replay(
            product=one,
            rule=rule,
            ground=Ground(quote=quotes.get(one.good_id) if one.good_id is not None else None, shares=shares),
            start=starts.get(one.id, one.price),
            spells=spells.get(one.id, ()),
            sold=sold.get(one.id, ()),
        )
        for one in found
        if (rule := book.rule_of(one.id, one.variant_of, one.category_id))
    ]
    return Scene(replays, set_to.limits, now, len(wanted))


async def _sold(
    session: AsyncSession, products: Sequence[int], since: datetime, now: datetime
) -> Mapping[int, list[Sold]]:
    asked = {"products": list(products), "since": since, "now": now, "states": list(OF_SOLD)}
    found: dict[int, list[Sold]] = defaultdict(list)
    for row in await session.execute(ORDERS, asked):
        found[row.product_id].append(Sold(row.paid_at, row.quantity, row.total_cents, row.wholesale_cents))
    return found


async def _spells(session: AsyncSession, products: Sequence[int], since: datetime) -> Mapping[int, list[Spell]]:
    found: dict[int, list[Spell]] = defaultdict(list)
    asked = {"products": list(products), "since": since, "believed": BELIEVED}
    for row in await session.execute(SPELLS, asked):
        one = Asked(row.product_id, row.id, row.feed_id, row.name, row.price, row.last_at, row.every_minutes)
        found[row.product_id].append(Spell(one, row.first_at, row.last_at))
    return found


async def replayed(scene: Scene) -> Simulation:
    """Replays it, product by product, letting others on between."""
    orders = changes = before = before_margin = after = after_margin = 0
    for one in scene.replays:
        path = list(moves(one, scene.limits, scene.now))
        changes += len(path)
        at = [moment for moment, _ in path]
        prices = [one.start, *(price for _, price in path)]
        for order in one.sold:
            would = total_cents(prices[bisect_right(at, order.at)], order.quantity)
            orders += 1
            before, before_margin = (
                before + order.total_cents,
                before_margin + order.total_cents - order.wholesale_cents,
            )
            after, after_margin = after + would, after_margin + would - order.wholesale_cents
        await asyncio.sleep(0)
    return Simulation(
        products=len(scene.replays), of=scene.of, orders=orders, changes=changes, revenue_cents=before,
        margin_cents=before_margin, new_revenue_cents=after, new_margin_cents=after_margin, at=scene.now,
    )  # fmt: skip


def moves(replay: Replay, limits: Limits, now: datetime) -> Iterator[tuple[datetime, Decimal]]:
    """When the price would have moved, and to what. Pure."""
    product = structs.replace(replay.product, price=replay.start)
    past: list[Change] = []
    moment = now - timedelta(days=DAYS)
    while moment <= now:
        asked = _asked_at(replay.spells, moment)
        past = [one for one in past if one.at > moment - 2 * limits.looks_back]
        here = structs.replace(replay.ground, asked=asked, past=past)
        line = proposals.propose(product, replay.rule, here, limits, moment).line
        if line is not None:
            yield moment, line.new
            past.append(Change(moment, line.old, line.new, OF_RULES))
            product = structs.replace(product, price=line.new)
        moment += EVERY


def _asked_at(spells: Sequence[Spell], moment: datetime) -> list[Asked]:
    """The last that each article was seen at, as of then."""
    latest: dict[int, Spell] = {}
    for spell in spells:
        if spell.first_at <= moment:
            latest[spell.asked.article_id] = spell
    return [
        structs.replace(one.asked, believed_at=min(one.last_at, moment))
        for one in latest.values()
        if moment - one.last_at <= market.stale_after(one.asked.every_minutes)
    ]


async def keep(session: AsyncSession, set_id: int, result: Simulation) -> None:
    """Keeps the result with the set."""
    await sets.keep_simulation(session, set_id, result)
