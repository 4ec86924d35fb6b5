"""Reading what repricing works with. Tenant session."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.pricing.errors import RuleGone
from tenants.pricing.limits import Change
from tenants.pricing.market import Asked
from tenants.pricing.rules import Book, Rule, Terms

# Heads are shown and never sold, so they have no price to move; variants stand in their head's category.
PRODUCTS = text(
    """
    SELECT p.id, p.name, p.price, p.list_price, p.floor_price, p.good_id, p.variant_of,
           coalesce(p.category_id, h.category_id) AS category_id
    FROM products p LEFT JOIN products h ON h.id = p.variant_of
    WHERE p.archived_at IS NULL AND p.specs = '[]'
        AND (:all_products OR p.id = ANY(:products) OR p.good_id = ANY(:goods))
    ORDER BY p.id
    """
)
SEVERAL = text("SELECT id, name FROM products WHERE id = ANY(:products)")
RULES = text(
    "SELECT id, product_id, category_id, kind, terms, is_automatic, is_paused FROM price_rules"
    " ORDER BY product_id NULLS FIRST, category_id NULLS FIRST, id"
)
ONE_RULE = text(
    "SELECT id, product_id, category_id, kind, terms, is_automatic, is_paused FROM price_rules WHERE id = :id"
)
HAS_RULES = text("SELECT EXISTS (SELECT 1 FROM price_rules WHERE kind <> 'leave' AND NOT is_paused)")
CATEGORIES = text("SELECT id, parent_id, name FROM categories ORDER BY position, id")
ASKED = text(
    """
    SELECT a.product_id, a.id, a.feed_id, f.name, a.price, a.believed_at, f.every_minutes
    FROM price_articles a JOIN price_feeds f ON f.id = a.feed_id AND f.state = 'active'
    WHERE a.product_id = ANY(:products) AND a.price IS NOT NULL AND a.believed_at IS NOT NULL
    """
)
# With one change from before, since a turn is seen by what was before it.
PAST = text(
    """
    SELECT product_id, at, old_price, new_price, source FROM product_prices
    WHERE product_id = ANY(:products) AND at > :since AND at <= :now
    UNION ALL
    SELECT wanted.id, h.at, h.old_price, h.new_price, h.source FROM unnest(CAST(:products AS bigint[])) AS wanted (id)
    JOIN LATERAL (SELECT at, old_price, new_price, source FROM product_prices
                  WHERE product_id = wanted.id AND at <= :since ORDER BY at DESC, id DESC LIMIT 1) h ON true
    """
)
# For `kameng.web.paging.of_sql`.
HISTORY = """
    SELECT h.at, h.old_price, h.new_price, h.source, h.set_id, h.reason, h.actor FROM product_prices h
    WHERE h.product_id = :product ORDER BY h.at DESC, h.id DESC
"""
HISTORY_SINCE = text(
    """
    SELECT at, old_price, new_price, source, set_id, reason, actor FROM product_prices
    WHERE product_id = :product AND at > :since ORDER BY at DESC, id DESC LIMIT :limit
    """
)
COMPETITORS = text(
    """
    SELECT f.name AS feed, c.price, c.verdict, c.first_at, c.last_at FROM price_captures c
    JOIN price_articles a ON a.id = c.article_id AND a.product_id = :product JOIN price_feeds f ON f.id = a.feed_id
    WHERE c.last_at > :since ORDER BY c.first_at, c.id
    """
)
# For `kameng.web.paging.of_sql`: what can be given a rule of its own, and whether it has one.
CHOICES = """
    SELECT p.id, p.name, p.price, p.floor_price, p.state,
           EXISTS (SELECT 1 FROM price_rules r WHERE r.product_id = p.id AND r.kind = 'leave') AS is_pinned
    FROM products p WHERE p.archived_at IS NULL AND p.specs = '[]' AND (:words = '' OR p.name ILIKE :pattern)
    ORDER BY p.position, p.id
"""


class Product(Struct, frozen=True):
    """A product that is sold, as repricing sees it; prices in yuan."""

    id: int
    name: str
    price: Decimal
    list_price: Decimal | None
    floor_price: Decimal | None
    good_id: int | None
    variant_of: int | None
    category_id: int | None


class Category(Struct, frozen=True):
    id: int
    parent_id: int | None
    name: str


class Entry(Struct, frozen=True):
    """One line of a product's price history, newest first where several are given. `old_price` is None where it was
    listed; `source`: listing, hand, rule, rollback; `reason` is a `tenants.pricing.sets.Reason` as JSON, or empty."""

    at: datetime
    old_price: Decimal | None
    new_price: Decimal
    source: str
    set_id: int | None
    reason: Mapping[str, Any]
    actor: str


class Captured(Struct, frozen=True):
    """What a competitor asked from `first_at` to `last_at`."""

    feed: str
    price: Decimal
    verdict: str
    first_at: datetime
    last_at: datetime


async def products(
    session: AsyncSession, *, products: Sequence[int] = (), goods: Sequence[int] = (), everything: bool = False
) -> Sequence[Product]:
    """These products, those of these goods, or all."""
    asked = {"products": list(products), "goods": list(goods), "all_products": everything}
    return [Product(*row) for row in await session.execute(PRODUCTS, asked)]


async def product_names(session: AsyncSession, products: Sequence[int]) -> dict[int, str]:
    return {row.id: row.name for row in await session.execute(SEVERAL, {"products": list(products)})}


async def rules(session: AsyncSession) -> list[Rule]:
    """The shop's first, then those of categories, then those of products."""
    return [_rule(row) for row in await session.execute(RULES)]


async def rule(session: AsyncSession, rule_id: int) -> Rule:
    """Raises `RuleGone`."""
    row = (await session.execute(ONE_RULE, {"id": rule_id})).one_or_none()
    if row is None:
        raise RuleGone
    return _rule(row)


def _rule(row: Any) -> Rule:
    return Rule(
        row.id, row.product_id, row.category_id, row.kind, msgspec.convert(row.terms, Terms), row.is_automatic,
        row.is_paused,
    )  # fmt: skip


async def has_rules(session: AsyncSession) -> bool:
    return bool((await session.execute(HAS_RULES)).scalar_one())


async def book(session: AsyncSession) -> Book:
    """The station's rules, and what they govern."""
    tree = {one.id: one.parent_id for one in await categories(session)}
    return Book(await rules(session), tree)


async def categories(session: AsyncSession) -> Sequence[Category]:
    return [Category(*row) for row in await session.execute(CATEGORIES)]


async def asked(session: AsyncSession, products: Sequence[int]) -> Mapping[int, list[Asked]]:
    """What competitors ask for each product, stale or not."""
    found: dict[int, list[Asked]] = defaultdict(list)
    for row in await session.execute(ASKED, {"products": list(products)}):
        found[row.product_id].append(Asked(*row))
    return found


async def past(
    session: AsyncSession, products: Sequence[int], since: datetime, now: datetime
) -> Mapping[int, list[Change]]:
    """The changes of each product since then and one before, oldest first."""
    found: dict[int, list[Change]] = defaultdict(list)
    for row in await session.execute(PAST, {"products": list(products), "since": since, "now": now}):
        found[row.product_id].append(Change(row.at, row.old_price, row.new_price, row.source))
    for changes in found.values():
        changes.sort(key=lambda change: change.at)
    return found


async def history(session: AsyncSession, product_id: int, since: datetime, limit: int = 1000) -> Sequence[Entry]:
    """How the price of a product has changed since then, newest first."""
    asked = {"product": product_id, "since": since, "limit": limit}
    return [Entry(*row) for row in await session.execute(HISTORY_SINCE, asked)]


async def competitors(session: AsyncSession, product_id: int, since: datetime) -> Sequence[Captured]:
    """What competitors have asked for a product, believed or not, oldest first."""
    return [Captured(*row) for row in await session.execute(COMPETITORS, {"product": product_id, "since": since})]
