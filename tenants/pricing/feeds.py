"""Keeping feeds and matching their articles. Tenant session; the caller audits."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid
from kameng.infra import outbox
from kameng.infra.outbox import Event
from tenants.pricing import feed_queries
from tenants.pricing.errors import FeedGone, TooManyFeeds
from tenants.pricing.feed_queries import Article, Feed
from tenants.pricing.readers import Options

MOST_FEEDS = 20

ADD = text(
    """
    INSERT INTO price_feeds (name, kind, url, options, every_minutes)
    VALUES (:name, :kind, :url, CAST(:options AS jsonb), :every_minutes) RETURNING id
    """
)
CHANGE = text(
    """
    UPDATE price_feeds SET name = :name, kind = :kind, url = :url, options = CAST(:options AS jsonb),
        every_minutes = :every_minutes, failures = 0, error = '' WHERE id = :id
    """
)
PAUSE = text("UPDATE price_feeds SET state = :state, failures = 0, error = '' WHERE id = :id")
REMOVE = text("DELETE FROM price_feeds WHERE id = :id")
NEXT_TURN = text("UPDATE price_feeds SET turn = turn + 1, due_at = now() WHERE id = :id RETURNING turn")
MATCH = text(
    """
    UPDATE price_articles SET product_id = :product_id, trusted_from = NULL,
        price = CASE WHEN verdict = 'ok' THEN price END WHERE id = :id
    """
)
FORGET = text("DELETE FROM price_captures WHERE article_id = :id")
PRODUCT = text("SELECT 1 FROM products WHERE id = :id AND archived_at IS NULL AND specs = '[]'")
BELIEVE = text(
    """
    UPDATE price_articles SET verdict = 'ok', price = asked, believed_at = :now, trusted_from = :now
    WHERE id = :id AND verdict <> 'ok' AND asked > 0
    """
)


class CaptureDue(Event, frozen=True):
    """A feed is to be asked; of an older `turn` it is not any more."""

    feed_id: int
    turn: int


class FeedDraft(Struct, frozen=True, kw_only=True):
    """A feed as its owner writes it."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    kind: Literal["acg", "csv", "json"]
    url: Annotated[str, Meta(min_length=1, max_length=500)]
    every_minutes: Annotated[int, Meta(ge=5, le=1440)] = 30
    options: Options = Options()


async def add(session: AsyncSession, draft: FeedDraft) -> int:
    """It is asked at once. Raises `TooManyFeeds`."""
    if await feed_queries.count(session) >= MOST_FEEDS:
        raise TooManyFeeds(most=MOST_FEEDS)
    feed_id = int((await session.execute(ADD, _columns(draft))).scalar_one())
    await ask_now(session, feed_id)
    return feed_id


async def change(session: AsyncSession, feed_id: int, draft: FeedDraft) -> None:
    """Raises `FeedGone`."""
    await _one(session, CHANGE, {"id": feed_id, **_columns(draft)})
    await ask_now(session, feed_id)


async def pause(session: AsyncSession, feed_id: int, *, paused: bool) -> Feed:
    """A paused feed is not asked, and its prices are not followed. Raises `FeedGone`."""
    await _one(session, PAUSE, {"id": feed_id, "state": "paused" if paused else "active"})
    await ask_now(session, feed_id)
    return await feed_queries.feed(session, feed_id)


async def remove(session: AsyncSession, feed_id: int) -> Feed:
    """With all that was captured from it. Raises `FeedGone`."""
    feed = await feed_queries.feed(session, feed_id)
    await _one(session, REMOVE, {"id": feed_id})
    return feed


async def ask_now(session: AsyncSession, feed_id: int) -> None:
    """Has a feed asked as soon as a worker can, and then at its pace. Raises `FeedGone`."""
    turn = (await session.execute(NEXT_TURN, {"id": feed_id})).scalar_one_or_none()
    if turn is None:
        raise FeedGone
    await outbox.record(session, CaptureDue(feed_id, turn))


async def match(session: AsyncSession, article_id: int, product_id: int | None) -> Article:
    """Says which product an article is, or (None) that it is none; its past begins anew. Raises `ArticleGone`,
    `Invalid`."""
    before = await feed_queries.article(session, article_id)
    if product_id is not None and (await session.execute(PRODUCT, {"id": product_id})).scalar_one_or_none() is None:
        raise Invalid({"product_id": "Choose one of the list."})
    if before.product_id != product_id:
        await session.execute(MATCH, {"id": article_id, "product_id": product_id})
        await session.execute(FORGET, {"id": article_id})
    return before


async def believe(session: AsyncSession, article_id: int, now: datetime) -> Article:
    """Takes a price that was rejected for true: from now on it is what others are compared with. Raises
    `ArticleGone`."""
    article = await feed_queries.article(session, article_id)
    await session.execute(BELIEVE, {"id": article_id, "now": now})
    return article


async def _one(session: AsyncSession, statement: Any, values: dict[str, Any]) -> None:
    done = await session.execute(statement, values)
    if getattr(done, "rowcount", 0) != 1:
        raise FeedGone


def _columns(draft: FeedDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "kind": draft.kind,
        "url": draft.url,
        "every_minutes": draft.every_minutes,
        "options": msgspec.json.encode(draft.options).decode(),
    }
