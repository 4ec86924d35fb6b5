"""What competitors ask for a product now. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from msgspec import Struct

from tenants.pricing.rules import Pick

STALE_AFTER_TURNS = 3
STALE_AFTER_AT_LEAST = timedelta(hours=1)


class Asked(Struct, frozen=True):
    """What one competitor asks for a product in yuan, by the last capture that was believed."""

    product_id: int
    article_id: int
    feed_id: int
    feed: str
    price: Decimal
    believed_at: datetime
    every_minutes: int

    def is_stale(self, now: datetime) -> bool:
        return now - self.believed_at > stale_after(self.every_minutes)


class Market(Struct, frozen=True):
    """The price that a rule follows, and whose it is; for a median, whose are all."""

    price: Decimal
    feed: str


def stale_after(every_minutes: int) -> timedelta:
    """After so long without an answer a feed's prices are not followed any more."""
    return max(STALE_AFTER_AT_LEAST, STALE_AFTER_TURNS * timedelta(minutes=every_minutes))


def reference(asked: Sequence[Asked], pick: Pick, feed_id: int | None, now: datetime) -> Market | None:
    """None where nobody asks anything that is fresh."""
    fresh = [one for one in asked if not one.is_stale(now) and feed_id in (None, one.feed_id)]
    if not fresh:
        return None
    if pick == "median":
        return Market(median([one.price for one in fresh]), ", ".join(sorted({one.feed for one in fresh})))
    lowest = min(fresh, key=lambda one: (one.price, one.article_id))
    return Market(lowest.price, lowest.feed)
