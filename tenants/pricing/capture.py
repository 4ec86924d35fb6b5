"""What a feed answered, judged and kept. Tenant session; the call itself stands in `tasks`.

Every article is kept as it was last seen. Of matched ones the past is kept too, a row for as long as price and verdict
stay the same, for `KEPT_FOR`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.notices import service as notices
from tenants.pricing import feed_queries, outliers
from tenants.pricing.feed_queries import Feed, Listed, Seen
from tenants.pricing.outliers import BELIEVED, Known
from tenants.pricing.readers import Article

KEPT_FOR = timedelta(days=90)
LOOKS_BACK = timedelta(days=14)
GONE_AFTER = timedelta(days=7)
TOLD_AFTER = 3  # failures in a row
LONGEST_WAIT = timedelta(hours=6)

PUT = text(
    """
    INSERT INTO price_articles (feed_id, article, name, asked, verdict, price, believed_at, seen_at)
    SELECT :feed, line.article, line.name, line.asked, line.verdict,
           CASE WHEN line.verdict = 'ok' THEN line.asked END, CASE WHEN line.verdict = 'ok' THEN :now END, :now
    FROM unnest(CAST(:articles AS text[]), CAST(:names AS text[]), CAST(:asked AS numeric[]), CAST(:verdicts AS text[]))
        AS line (article, name, asked, verdict)
    ON CONFLICT (feed_id, article) DO UPDATE SET name = excluded.name, asked = excluded.asked,
        verdict = excluded.verdict, price = coalesce(excluded.price, price_articles.price),
        believed_at = coalesce(excluded.believed_at, price_articles.believed_at), seen_at = excluded.seen_at
    """
)
# A price that goes on is the same row; another one, or another verdict, begins a new one.
GO_ON = text(
    """
    UPDATE price_captures c SET last_at = :now, times = c.times + 1
    FROM unnest(CAST(:articles AS bigint[]), CAST(:prices AS numeric[]), CAST(:verdicts AS text[]))
        AS line (article_id, price, verdict)
    WHERE c.article_id = line.article_id AND c.price = line.price AND c.verdict = line.verdict
        AND c.id = (SELECT id FROM price_captures l WHERE l.article_id = line.article_id
                    ORDER BY l.last_at DESC, l.id DESC LIMIT 1)
    RETURNING c.article_id
    """
)
BEGIN = text(
    """
    INSERT INTO price_captures (article_id, price, verdict, first_at, last_at)
    SELECT line.article_id, line.price, line.verdict, :now, :now
    FROM unnest(CAST(:articles AS bigint[]), CAST(:prices AS numeric[]), CAST(:verdicts AS text[]))
        AS line (article_id, price, verdict)
    """
)
PRUNE = text("DELETE FROM price_captures WHERE last_at < :before")
DROP_GONE = text("DELETE FROM price_articles WHERE feed_id = :feed AND product_id IS NULL AND seen_at < :before")
ANSWERED = text(
    """
    UPDATE price_feeds SET asked_at = :now, answered_at = :now, failures = 0, error = '',
        due_at = :now + make_interval(mins => every_minutes) WHERE id = :feed RETURNING due_at
    """
)
FAILED = text(
    """
    UPDATE price_feeds SET asked_at = :now, failures = failures + 1, error = :error, due_at = :due_at
    WHERE id = :feed RETURNING failures
    """
)


class Trouble(Struct, frozen=True):
    """Why a feed gave nothing: a msgid and what stands in its places."""

    message: str
    params: Mapping[str, object]


class Judged(Struct, frozen=True):
    """An article of the answer, and whether its price is believed."""

    article: Article
    known: Listed | None
    verdict: str


async def keep(session: AsyncSession, feed: Feed, answer: Mapping[str, Article], now: datetime) -> list[int]:
    """Judges and keeps an answer; returns the products that are matched with the feed."""
    judged = await _judge(session, feed, answer, now)
    await session.execute(
        PUT,
        {
            "feed": feed.id, "now": now,
            "articles": [one.article.article for one in judged],
            "names": [one.article.name for one in judged],
            "asked": [one.article.price for one in judged],
            "verdicts": [one.verdict for one in judged],
        },
    )  # fmt: skip
    matched = [one for one in judged if one.known and one.known.product_id is not None]
    await _remember(session, matched, now)
    await session.execute(PRUNE, {"before": now - KEPT_FOR})
    await session.execute(DROP_GONE, {"feed": feed.id, "before": now - GONE_AFTER})
    await session.execute(ANSWERED, {"feed": feed.id, "now": now})
    return sorted({one.known.product_id for one in matched if one.known and one.known.product_id is not None})


async def _judge(session: AsyncSession, feed: Feed, answer: Mapping[str, Article], now: datetime) -> list[Judged]:
    known = await feed_queries.listed(session, feed.id)
    products = sorted({one.product_id for one in known.values() if one.product_id is not None})
    own = await feed_queries.own_prices(session, products)
    peers = await feed_queries.peers(session, feed.id, products, now)
    spells = await feed_queries.spells(session, feed.id, now - LOOKS_BACK)
    return [
        Judged(one, known.get(key), _verdict(one.price, known.get(key), own, peers, spells, now))
        for key, one in answer.items()
    ]


def _verdict(
    price: Decimal,
    known: Listed | None,
    own: Mapping[int, Decimal],
    peers: Mapping[int, Sequence[Decimal]],
    spells: Mapping[int, Sequence[Seen]],
    now: datetime,
) -> str:
    if known is None or known.product_id is None:
        return outliers.judge(price, Known(), now)
    seen = spells.get(known.id, ())
    last = seen[-1] if seen else None
    stands = last.first_at if last and last.verdict != BELIEVED and last.spell.price == price else None
    judged_by = Known(
        own=None if known.trusted_from else own.get(known.product_id),
        believed=[one.spell for one in seen if one.verdict == BELIEVED],
        peers=peers.get(known.product_id, ()),
        stands_since=stands,
    )
    if known.trusted_from and price == known.asked and known.verdict == BELIEVED:
        return BELIEVED  # a person has said so
    return outliers.judge(price, judged_by, now)


async def _remember(session: AsyncSession, matched: Sequence[Judged], now: datetime) -> None:
    by_id = {one.known.id: one for one in matched if one.known}
    going_on = {row.article_id for row in await session.execute(GO_ON, _columns(by_id, now))}
    begun = {number: one for number, one in by_id.items() if number not in going_on}
    await session.execute(BEGIN, _columns(begun, now))


def _columns(judged: Mapping[int, Judged], now: datetime) -> dict[str, Any]:
    return {
        "articles": list(judged),
        "prices": [one.article.price for one in judged.values()],
        "verdicts": [one.verdict for one in judged.values()],
        "now": now,
    }


async def failed(session: AsyncSession, feed: Feed, trouble: Trouble, now: datetime) -> datetime:
    """Remembers why a feed gave nothing, and asks it less and less often; the owner is told after some failures in a
    row. Returns when it is asked again."""
    wait = min(timedelta(minutes=feed.every_minutes) * 2 ** min(feed.failures, 10), LONGEST_WAIT)
    due_at: datetime = now + max(wait, timedelta(minutes=feed.every_minutes))
    said = {"feed": feed.id, "error": msgspec.json.encode(trouble).decode(), "now": now, "due_at": due_at}
    failures = (await session.execute(FAILED, said)).scalar_one_or_none()
    if failures == TOLD_AFTER:
        await notices.tell(session, "pricing_feed_failed", str(feed.id), name=feed.name)
    return due_at
