"""Reading feeds and what they list. Tenant session."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.pricing.errors import ArticleGone, FeedGone
from tenants.pricing.market import stale_after
from tenants.pricing.outliers import Spell
from tenants.pricing.readers import Options

COLUMNS = (
    "f.id, f.name, f.kind, f.url, f.options, f.every_minutes, f.state, f.turn, f.asked_at, f.answered_at, f.due_at,"
    " f.failures, f.error"
)
COUNTS = """
    (SELECT count(*) FROM price_articles a WHERE a.feed_id = f.id) AS articles,
    (SELECT count(*) FROM price_articles a WHERE a.feed_id = f.id AND a.product_id IS NOT NULL) AS matched,
    (SELECT count(*) FROM price_articles a WHERE a.feed_id = f.id AND a.product_id IS NOT NULL
        AND a.verdict <> 'ok') AS rejected
"""
FEEDS = text(f"SELECT {COLUMNS}, {COUNTS} FROM price_feeds f ORDER BY f.id")  # noqa: S608 - constants
ONE = text(f"SELECT {COLUMNS}, {COUNTS} FROM price_feeds f WHERE f.id = :id")  # noqa: S608 - constants
COUNT = text("SELECT count(*) FROM price_feeds")
# For `kameng.web.paging.of_sql`; what is rejected and what is matched comes first.
ARTICLES = """
    SELECT a.id, a.feed_id, a.article, a.name, a.product_id, p.name AS product, a.asked, a.verdict, a.price,
           a.believed_at, a.seen_at
    FROM price_articles a LEFT JOIN products p ON p.id = a.product_id
    WHERE a.feed_id = :feed AND (:words = '' OR a.name ILIKE :pattern OR p.name ILIKE :pattern)
        AND (:state = '' OR (:state = 'matched') = (a.product_id IS NOT NULL) AND :state <> 'rejected'
             OR :state = 'rejected' AND a.verdict <> 'ok' AND a.product_id IS NOT NULL)
    ORDER BY (a.product_id IS NULL), a.name, a.id
"""
ARTICLE = text("SELECT id, feed_id, product_id, name, asked, verdict FROM price_articles WHERE id = :id")
KNOWN = text("SELECT id, article, product_id, asked, verdict, trusted_from FROM price_articles WHERE feed_id = :feed")
OWN = text("SELECT id, price FROM products WHERE id = ANY(:products)")
PEERS = text(
    """
    SELECT a.product_id, a.price, a.believed_at, f.every_minutes FROM price_articles a
    JOIN price_feeds f ON f.id = a.feed_id AND f.state = 'active'
    WHERE a.product_id = ANY(:products) AND a.feed_id <> :feed AND a.price IS NOT NULL AND a.believed_at IS NOT NULL
    """
)
SPELLS = text(
    """
    SELECT c.article_id, c.price, c.times, c.verdict, c.first_at FROM price_captures c
    JOIN price_articles a ON a.id = c.article_id AND a.feed_id = :feed AND a.product_id IS NOT NULL
    WHERE c.last_at > :since AND (a.trusted_from IS NULL OR c.first_at >= a.trusted_from) ORDER BY c.id
    """
)


class Feed(Struct, frozen=True):
    """Where competitors' prices come from, how it fares, and how much of it is matched and not believed."""

    id: int
    name: str
    kind: str
    url: str
    options: Options
    every_minutes: int
    state: str
    turn: int
    asked_at: datetime | None
    answered_at: datetime | None
    due_at: datetime | None
    failures: int
    error: str
    articles: int = 0
    matched: int = 0
    rejected: int = 0

    def health(self, now: datetime) -> str:
        """paused, new, failing, stale or healthy: a code that pages have words for."""
        if self.state == "paused":
            return "paused"
        if self.failures:
            return "failing"
        if self.answered_at is None:
            return "new"
        return "stale" if now - self.answered_at > stale_after(self.every_minutes) else "healthy"


class Article(Struct, frozen=True):
    id: int
    feed_id: int
    product_id: int | None
    name: str
    asked: Decimal
    verdict: str


class Listed(Struct, frozen=True):
    """An article as the last capture left it."""

    id: int
    article: str
    product_id: int | None
    asked: Decimal
    verdict: str
    trusted_from: datetime | None


class Peer(Struct, frozen=True):
    product_id: int
    price: Decimal
    believed_at: datetime
    every_minutes: int


class Seen(Struct, frozen=True):
    """A spell with what was thought of it."""

    spell: Spell
    verdict: str
    first_at: datetime


async def feeds(session: AsyncSession) -> Sequence[Feed]:
    return [_feed(row) for row in await session.execute(FEEDS)]


async def feed(session: AsyncSession, feed_id: int) -> Feed:
    """Raises `FeedGone`."""
    row = (await session.execute(ONE, {"id": feed_id})).one_or_none()
    if row is None:
        raise FeedGone
    return _feed(row)


def _feed(row: Any) -> Feed:
    values = list(row)
    values[4] = msgspec.convert(values[4], Options)
    return Feed(*values)


async def count(session: AsyncSession) -> int:
    return int((await session.execute(COUNT)).scalar_one())


async def article(session: AsyncSession, article_id: int) -> Article:
    """Raises `ArticleGone`."""
    row = (await session.execute(ARTICLE, {"id": article_id})).one_or_none()
    if row is None:
        raise ArticleGone
    return Article(*row)


async def listed(session: AsyncSession, feed_id: int) -> dict[str, Listed]:
    """All articles of a feed, by the feed's own key."""
    return {row.article: Listed(*row) for row in await session.execute(KNOWN, {"feed": feed_id})}


async def own_prices(session: AsyncSession, products: Sequence[int]) -> dict[int, Decimal]:
    return {row.id: row.price for row in await session.execute(OWN, {"products": list(products)})}


async def peers(
    session: AsyncSession, feed_id: int, products: Sequence[int], now: datetime
) -> dict[int, list[Decimal]]:
    """What other feeds ask for these products now, by product; without what is stale."""
    found: dict[int, list[Decimal]] = defaultdict(list)
    for row in await session.execute(PEERS, {"feed": feed_id, "products": list(products)}):
        peer = Peer(*row)
        if now - peer.believed_at <= stale_after(peer.every_minutes):
            found[peer.product_id].append(peer.price)
    return found


async def spells(session: AsyncSession, feed_id: int, since: datetime) -> Mapping[int, list[Seen]]:
    """What the matched articles of a feed have cost, by article, the latest last."""
    found: dict[int, list[Seen]] = defaultdict(list)
    for row in await session.execute(SPELLS, {"feed": feed_id, "since": since}):
        found[row.article_id].append(Seen(Spell(row.price, row.times), row.verdict, row.first_at))
    return found
