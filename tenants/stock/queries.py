"""Reading stock. Tenant session."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from tenants.shop.errors import ProductGone
from tenants.stock.errors import NotStocked

CHOICES_ON_A_PAGE = 24
MOST_PAGES = 200
MOST_COUNTED = 1_000  # as the master's `quote` counts
SALES_DAYS = 14

OWN = "p.good_id IS NULL AND p.kind = 'cards' AND p.fulfilment = 'auto' AND p.specs = '[]'"
STOCKED = "p.specs = '[]' AND p.archived_at IS NULL AND (p.good_id IS NOT NULL OR " + OWN + ")"
CHOOSABLE = text(
    "SELECT p.good_id FROM products p WHERE p.id = :id AND p.choosable AND p.state = 'on_sale'"
    " AND p.archived_at IS NULL"
)
OWN_CHOICES = text(
    "SELECT id, label FROM card_pool WHERE item_id = :id AND label <> ''"
    " AND (:words = '' OR strpos(lower(label), lower(:words)) > 0) ORDER BY label, id LIMIT :limit OFFSET :offset"
)
MASTER_CHOICES = text("SELECT id, label FROM card_choices(:id, :words, :limit, :offset)")
OWN_PRODUCT = text("SELECT p.id, p.name, p.warn_at FROM products p WHERE p.id = :id AND " + OWN)  # noqa: S608 - our own conditions
OWN_PRODUCTS = text(
    "SELECT p.id, p.name FROM products p WHERE p.archived_at IS NULL AND p.id <> :but AND " + OWN  # noqa: S608
    + " ORDER BY p.name, p.id LIMIT 500"
)  # fmt: skip
# What is left of each product: own cards, or what the master has for this station; at most 1,000 are counted.
LEFT_OWN = (
    "(SELECT count(*) FROM (SELECT 1 FROM card_pool c WHERE c.item_id = p.id LIMIT 1000) counted)::int"  # MOST_COUNTED
)
# For `kameng.web.paging.of_sql`: the level that was counted last, low ones first.
LEVELS = f"""
    SELECT p.id, p.name, p.state, p.good_id, p.warn_at, coalesce(l.units, 0) AS units,
           coalesce(l.is_low, false) AS is_low, l.low_since, l.counted_at
    FROM products p LEFT JOIN stock_levels l ON l.product_id = p.id
    WHERE (:words = '' OR p.name ILIKE :pattern)
    AND (:state = '' OR :state = 'low' AND l.is_low OR :state = 'out' AND coalesce(l.units, 0) = 0
         OR :state = 'own' AND p.good_id IS NULL OR :state = 'master' AND p.good_id IS NOT NULL)
    AND {STOCKED} ORDER BY coalesce(l.is_low, false) DESC, coalesce(l.units, 0), p.id
    """  # noqa: S608 - our own conditions
# By the sales of two weeks; of the few products on a page. Ids sort by time: they bound it in the index of a product.
SOLD_LATELY = text(
    "SELECT product_id, sum(quantity)::int AS units FROM orders WHERE product_id = ANY(:products)"
    " AND state IN ('delivered', 'partial') AND created_at > :since AND id >= :first GROUP BY product_id"
)


class Choice(Struct, frozen=True):
    """A card by its open part."""

    id: UUID
    label: str


class Choices(Struct, frozen=True):
    """One page of the cards that a buyer may choose from. Pages count from 1."""

    product_id: int
    items: Sequence[Choice]
    words: str
    page: int
    has_more: bool


class OwnProduct(Struct, frozen=True):
    """A product whose cards lie in the station's pool."""

    id: int
    name: str
    warn_at: int | None


class Level(Struct, frozen=True):
    """How much of a product is left. `days_left` None: nothing was sold lately. `units` is counted up to 1,000."""

    id: int
    name: str
    state: str
    good_id: int | None
    warn_at: int | None
    units: int
    is_low: bool
    low_since: datetime | None
    counted_at: datetime | None
    days_left: int | None = None

    @property
    def is_capped(self) -> bool:
        return self.units >= MOST_COUNTED


def level(row: Any) -> Level:
    """A row of `LEVELS`."""
    return Level(*row)


async def choices(session: AsyncSession, product_id: int, words: str = "", page: int = 1) -> Choices:
    """Cards of a product that buyers may choose from, by label. Raises `ProductGone`, also where they may not."""
    row = (await session.execute(CHOOSABLE, {"id": product_id})).one_or_none()
    if row is None:
        raise ProductGone
    page = min(max(page, 1), MOST_PAGES)
    statement = OWN_CHOICES if row.good_id is None else MASTER_CHOICES
    values = {
        "id": product_id,
        "words": words,
        "limit": CHOICES_ON_A_PAGE + 1,
        "offset": (page - 1) * CHOICES_ON_A_PAGE,
    }
    found = [Choice(*one) for one in await session.execute(statement, values)]
    has_more = len(found) > CHOICES_ON_A_PAGE and page < MOST_PAGES
    return Choices(product_id, found[:CHOICES_ON_A_PAGE], words, page, has_more)


async def own_product(session: AsyncSession, product_id: int) -> OwnProduct:
    """Raises `NotStocked`."""
    row = (await session.execute(OWN_PRODUCT, {"id": product_id})).one_or_none()
    if row is None:
        raise NotStocked
    return OwnProduct(*row)


async def own_products(session: AsyncSession, but: int = 0) -> Sequence[tuple[int, str]]:
    """Number and name of the products that have cards of their own, but for one; at most 500."""
    return [(row.id, row.name) for row in await session.execute(OWN_PRODUCTS, {"but": but})]


async def sold_a_day(session: AsyncSession, products: Sequence[int]) -> dict[int, float]:
    """Units a day over the last two weeks, of those that sold any."""
    since = clock.now() - timedelta(days=SALES_DAYS)
    values = {"products": list(products), "since": since, "first": ids.first_of(since - timedelta(hours=1))}
    rows = await session.execute(SOLD_LATELY, values)
    return {row.product_id: row.units / SALES_DAYS for row in rows if row.units}
