"""What buyers see: no cost, no supplier. A page of the shelf finds its products first, and only these are quoted and
counted, so it costs the same with ten products and with ten thousand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from tenants.shop.errors import ProductGone

MOST = 1000  # units are counted no further
FEW = 50  # on a page of the shelf, where only few left are told
HEAD = """
    h.id AS head_id, h.name AS head_name, h.summary, h.description, h.usage_note, h.min_quantity, h.max_quantity,
    h.sold, h.kind, h.fulfilment, h.labels, h.category_id, h.specs, h.fields, h.max_per_buyer, h.max_per_day,
    h.min_level, h.sale_from, h.sale_until, h.choosable, h.choice_price
"""
# Units on hand: the master's by quote, the station's own in its pool, and no end of what a person delivers.
ON_HAND = """
    CASE WHEN u.good_id IS NOT NULL THEN CASE WHEN u.price < q.min_resale THEN 0 ELSE coalesce(q.available, 0) END
         WHEN h.fulfilment = 'by_hand' THEN 1000
         ELSE (SELECT count(*) FROM (SELECT 1 FROM card_pool c WHERE c.item_id = u.id
               LIMIT greatest(CAST(:most AS int), h.min_quantity)) counted) END
"""
LEVEL = """
    coalesce((SELECT l.rank FROM buyers b JOIN buyer_levels l ON l.id = b.level_id
              WHERE b.id = CAST(:buyer AS uuid)), 0)
"""
# The buyer sees what is on sale, not over yet, in no hidden category, and for his level.
SEEN = f"""
    p.state = 'on_sale' AND p.variant_of IS NULL AND p.min_level <= {LEVEL}
    AND (p.sale_until IS NULL OR p.sale_until > now())
    AND (p.category_id IS NULL OR NOT p.category_id = ANY(CAST(:hidden AS bigint[])))
    AND (p.specs = '[]' OR EXISTS (SELECT 1 FROM products v WHERE v.variant_of = p.id AND v.state = 'on_sale'))
"""  # noqa: S608 - of the constant above
ORDERS = {
    "hand": "p.position, p.id",
    "margin": "p.margin DESC NULLS LAST, p.position, p.id",
    "sales": "p.sold DESC, p.position, p.id",
}


def _shelf(order: str) -> TextClause:
    return text(
        f"""
        WITH page AS MATERIALIZED (
            SELECT p.id, row_number() OVER (ORDER BY {order}) AS place FROM (
            SELECT p.id, p.position, p.sold, p.margin, p.sold_out FROM products p
            WHERE {SEEN}
                AND (:words = '' OR p.name ILIKE :pattern OR p.summary ILIKE :pattern
                     OR p.labels <> '{{}}' AND array_to_string(p.labels, ' ') ILIKE :pattern)
                AND (CAST(:categories AS bigint[]) IS NULL OR p.category_id = ANY(CAST(:categories AS bigint[])))
                AND (:label = '' OR EXISTS (SELECT 1 FROM unnest(p.labels) l
                                            WHERE l = :label OR starts_with(l, :label || '/')))
            ORDER BY {order} LIMIT :limit OFFSET :offset) p
        ), units AS MATERIALIZED (
            SELECT page.place, page.id AS head, u.id, u.name, u.good_id, u.price, u.list_price, u.ladder, u.spec_values,
                   u.position
            FROM page JOIN products u ON u.id = page.id WHERE u.specs = '[]'
            UNION ALL
            SELECT page.place, page.id, u.id, u.name, u.good_id, u.price, u.list_price, u.ladder, u.spec_values,
                   u.position
            FROM page JOIN products u ON u.variant_of = page.id AND u.state = 'on_sale'
        )
        SELECT u.id, u.name, u.price, u.list_price, u.ladder, u.spec_values, {HEAD}, {ON_HAND} AS available
        FROM units u JOIN products h ON h.id = u.head
        LEFT JOIN quote(ARRAY(SELECT DISTINCT good_id FROM units WHERE good_id IS NOT NULL)) q ON q.good_id = u.good_id
        ORDER BY u.place, u.position, u.id
        """  # noqa: S608 - of the constants above
    )


SHELF = {
    f"{order}{last}": _shelf(f"p.sold_out, {columns}" if last else columns)
    for order, columns in ORDERS.items()
    for last in ("", "+")
}
# The family of a product or of one of its variants. A variant that is hidden cannot be bought, and is not shown.
FAMILY = text(
    f"""
    WITH head AS MATERIALIZED (
        SELECT h.* FROM products h
        WHERE h.id = (SELECT coalesce(p.variant_of, p.id) FROM products p WHERE p.id = :id)
            AND (h.state = 'on_sale' OR :hidden_too) AND h.archived_at IS NULL
    ), units AS MATERIALIZED (
        SELECT u.* FROM head h JOIN products u ON u.id = h.id WHERE h.specs = '[]'
        UNION ALL
        SELECT u.* FROM head h JOIN products u ON u.variant_of = h.id AND u.state = 'on_sale'
    )
    SELECT u.id, u.name, u.price, u.list_price, u.ladder, u.spec_values, {HEAD}, {ON_HAND} AS available
    FROM units u CROSS JOIN head h
    LEFT JOIN quote(ARRAY(SELECT DISTINCT good_id FROM units WHERE good_id IS NOT NULL)) q ON q.good_id = u.good_id
    ORDER BY u.position, u.id
    """  # noqa: S608
)
# Products and variants by their numbers, as far as they can be seen at all.
UNITS = text(
    f"""
    SELECT u.id, u.name, u.price, u.list_price, u.ladder, u.spec_values, {HEAD}, {ON_HAND} AS available
    FROM products u JOIN products h ON h.id = coalesce(u.variant_of, u.id)
    LEFT JOIN quote(ARRAY(SELECT DISTINCT good_id FROM products WHERE id = ANY(CAST(:ids AS bigint[]))
                          AND good_id IS NOT NULL)) q ON q.good_id = u.good_id
    WHERE u.id = ANY(CAST(:ids AS bigint[])) AND u.specs = '[]' AND u.state = 'on_sale' AND h.state = 'on_sale'
        AND u.archived_at IS NULL AND h.archived_at IS NULL
    """  # noqa: S608
)
BUYER = text(
    "SELECT coalesce(max(l.rank), 0) FROM buyers b JOIN buyer_levels l ON l.id = b.level_id WHERE b.id = :buyer"
)
LEVEL_NAME = text("SELECT name FROM buyer_levels WHERE rank >= :rank ORDER BY rank LIMIT 1")
COUNT_ON_SALE = text(f"SELECT count(*) FROM products p WHERE {SEEN}")  # noqa: S608


class ShelfItem(Struct, frozen=True, kw_only=True):
    """Something to buy, as a buyer sees it: a product or one of its variants, which has all but name, price, ladder and
    stock from its head. Prices in yuan for one unit; `ladder` is `[[from quantity, "9.50"]]`; `available` is counted up
    to 1,000, and is 0 for what is priced below the master's minimum."""

    id: int
    name: str
    price: Decimal
    list_price: Decimal | None
    ladder: list[Any]
    spec_values: dict[str, str]
    head_id: int
    head_name: str
    summary: str
    description: str
    usage_note: str
    min_quantity: int
    max_quantity: int
    sold: int
    kind: str
    fulfilment: str
    labels: list[str]
    category_id: int | None
    specs: list[Any]
    fields: list[Any]
    max_per_buyer: int | None
    max_per_day: int | None
    min_level: int
    sale_from: datetime | None
    sale_until: datetime | None
    choosable: bool
    choice_price: Decimal
    available: int

    @property
    def on_hand(self) -> bool:
        return self.available >= self.min_quantity

    @property
    def most(self) -> int:
        """The largest quantity that can be ordered now."""
        return max(self.min_quantity, min(self.max_quantity, self.available))

    @property
    def window(self) -> str:
        """`soon`: its sale has not begun; `over`: it has ended; else nothing."""
        now = clock.now()
        if self.sale_until is not None and self.sale_until <= now:
            return "over"
        return "soon" if self.sale_from is not None and self.sale_from > now else ""


class Family(Struct, frozen=True):
    """A product and what can be bought of it: its variants, or itself alone. Never empty."""

    units: list[ShelfItem]

    @property
    def first(self) -> ShelfItem:
        """What a page shows of it before anything is chosen: the first that is on hand."""
        return next((one for one in self.units if one.on_hand), self.units[0])

    @property
    def cheapest(self) -> ShelfItem:
        """The lowest price among what is on hand, or among all."""
        return min(self.units, key=lambda one: (not one.on_hand, one.price))

    @property
    def has_prices(self) -> bool:
        """Whether its units differ in price."""
        return len({one.price for one in self.units}) > 1

    def unit(self, product_id: int) -> ShelfItem:
        """The one of this number; the first for the head's own."""
        return next((one for one in self.units if one.id == product_id), self.first)

    def with_value(self, chosen: ShelfItem, spec: str, value: str) -> ShelfItem | None:
        """The unit that `chosen` becomes when this value is picked; another that has it where that one is missing."""
        wanted = chosen.spec_values | {spec: value}
        having = [one for one in self.units if one.spec_values.get(spec) == value]
        return next((one for one in having if one.spec_values == wanted), having[0] if having else None)


class Asked(Struct, frozen=True, kw_only=True):
    """Which page of the shelf. `categories` are all numbers of a subtree, `hidden` those that buyers do not see."""

    words: str = ""
    categories: Sequence[int] | None = None
    hidden: Sequence[int] = ()
    label: str = ""
    order: str = "hand"
    sold_out_last: bool = False
    buyer_id: UUID | None = None
    limit: int = 60
    offset: int = 0
    most: int = FEW

    def values(self) -> dict[str, Any]:
        return {
            "words": self.words,
            "pattern": like(self.words),
            "categories": None if self.categories is None else list(self.categories),
            "hidden": list(self.hidden),
            "label": self.label,
            "buyer": self.buyer_id,
            "limit": self.limit,
            "offset": self.offset,
            "most": self.most,
        }


def like(words: str) -> str:
    """A pattern that finds `words` anywhere, taken literally."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def page_of_shelf(session: AsyncSession, asked: Asked) -> list[Family]:
    """Products on sale with their units. Stock is counted up to `asked.most`."""
    statement = SHELF[f"{asked.order}{'+' if asked.sold_out_last else ''}"]
    grouped: dict[int, list[ShelfItem]] = {}
    for row in (await session.execute(statement, asked.values())).mappings():
        grouped.setdefault(row["head_id"], []).append(_item(row))
    return [Family(units) for units in grouped.values()]


async def shelf(session: AsyncSession, words: str = "", limit: int = 60, offset: int = 0) -> Sequence[ShelfItem]:
    """What is on sale, in the owner's order: of each product the unit that its card shows."""
    found = await page_of_shelf(session, Asked(words=words, limit=limit, offset=offset, most=MOST))
    return [one.cheapest for one in found]


async def count_on_sale(session: AsyncSession, hidden: Sequence[int] = (), buyer_id: UUID | None = None) -> int:
    """How many products a buyer finds on the shelf."""
    return int((await session.execute(COUNT_ON_SALE, {"hidden": list(hidden), "buyer": buyer_id})).scalar_one())


async def family(session: AsyncSession, product_id: int, *, hidden_too: bool = False) -> Family:
    """The family of a product or of a variant, `hidden_too` for its owner. Raises `ProductGone`."""
    rows = await session.execute(FAMILY, {"id": product_id, "most": MOST, "hidden_too": hidden_too})
    units = [_item(row) for row in rows.mappings()]
    if not units:
        raise ProductGone
    return Family(units)


async def units(session: AsyncSession, product_ids: Sequence[int]) -> dict[int, ShelfItem]:
    """Those of the products and variants with these numbers that are on sale."""
    if not product_ids:
        return {}
    rows = await session.execute(UNITS, {"ids": list(product_ids), "most": MOST})
    return {one.id: one for one in (_item(row) for row in rows.mappings())}


async def on_sale(session: AsyncSession, product_id: int) -> ShelfItem:
    """A product or a variant as it can be bought; of a head its first unit. Raises `ProductGone`."""
    found = await family(session, product_id)
    if product_id != found.units[0].head_id and all(one.id != product_id for one in found.units):
        raise ProductGone
    return found.unit(product_id)


async def rank_of(session: AsyncSession, buyer_id: UUID | None) -> int:
    """The rank of a buyer's level; 0 without one."""
    return int((await session.execute(BUYER, {"buyer": buyer_id})).scalar_one()) if buyer_id else 0


async def level_name(session: AsyncSession, rank: int) -> str:
    """The lowest level of at least this rank, or nothing where there is none."""
    return str((await session.execute(LEVEL_NAME, {"rank": rank})).scalar_one_or_none() or "")


def _item(row: Mapping[Any, Any]) -> ShelfItem:
    return ShelfItem(**row)
