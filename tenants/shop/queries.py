"""Reading the shop."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.shop.errors import ProductGone
from tenants.shop.models import Product

SHELF = text(
    """
    SELECT p.id, p.name, p.summary, p.description, p.usage_note, p.price, p.min_quantity, p.max_quantity,
           CASE WHEN p.price < q.min_resale THEN 0 ELSE coalesce(q.available, 0) END AS available,
           (SELECT count(*) FROM orders o WHERE o.product_id = p.id AND o.state = 'delivered'
            AND o.created_at > now() - interval '30 days') AS sold
    FROM products p
    LEFT JOIN quote(ARRAY(SELECT good_id FROM products WHERE state = 'on_sale')) q ON q.good_id = p.good_id
    WHERE p.state = 'on_sale' AND (:words = '' OR p.name ILIKE :pattern OR p.summary ILIKE :pattern)
    ORDER BY p.position, p.id LIMIT :limit OFFSET :offset
    """
)
ONE = text(
    """
    SELECT p.id, p.name, p.summary, p.description, p.usage_note, p.price, p.min_quantity, p.max_quantity,
           CASE WHEN p.price < q.min_resale THEN 0 ELSE coalesce(q.available, 0) END AS available,
           (SELECT count(*) FROM orders o WHERE o.product_id = p.id AND o.state = 'delivered'
            AND o.created_at > now() - interval '30 days') AS sold
    FROM products p LEFT JOIN quote(ARRAY[p.good_id]) q ON true
    WHERE p.state = 'on_sale' AND p.id = :id
    """
)
LOWEST = text(
    "SELECT good_id, min(price) AS price FROM products"
    " WHERE state = 'on_sale' AND good_id = ANY(:goods) GROUP BY good_id"
)

COUNT_ON_SALE = text("SELECT count(*) FROM products WHERE state = 'on_sale'")


class ShelfItem(Struct, frozen=True):
    """A product as a buyer sees it: no cost, no supplier. `price` in yuan; `available` is counted up to 1,000, and is
    0 for what is priced below the master's minimum."""

    id: int
    name: str
    summary: str
    description: str
    usage_note: str
    price: Decimal
    min_quantity: int
    max_quantity: int
    available: int
    sold: int

    @property
    def on_hand(self) -> bool:
        return self.available >= self.min_quantity

    @property
    def most(self) -> int:
        """The largest quantity that can be ordered now."""
        return max(self.min_quantity, min(self.max_quantity, self.available))


def like(words: str) -> str:
    """A pattern that finds `words` anywhere, taken literally."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def shelf(session: AsyncSession, words: str = "", limit: int = 60, offset: int = 0) -> Sequence[ShelfItem]:
    """What is on sale, in the owner's order."""
    rows = await session.execute(SHELF, {"words": words, "pattern": like(words), "limit": limit, "offset": offset})
    return [ShelfItem(**row) for row in rows.mappings()]


async def count_on_sale(session: AsyncSession) -> int:
    return int((await session.execute(COUNT_ON_SALE)).scalar_one())


async def on_sale(session: AsyncSession, product_id: int) -> ShelfItem:
    """Raises `ProductGone`."""
    row = (await session.execute(ONE, {"id": product_id})).mappings().one_or_none()
    if row is None:
        raise ProductGone
    return ShelfItem(**row)


async def lowest_prices(session: AsyncSession, goods: Sequence[int]) -> dict[int, Decimal]:
    """The lowest price in yuan at which each good is on sale, by good."""
    return {row.good_id: row.price for row in await session.execute(LOWEST, {"goods": list(goods)})}


def search(words: str = "", state: str = "") -> Select[Product]:
    """Products for the owner's list."""
    found = select(Product).order_by(Product.position, Product.id)
    if words:
        found = found.where(Product.name.icontains(words, autoescape=True))
    return found.where(Product.state == state) if state else found


async def product(session: AsyncSession, product_id: int) -> Product:
    """Any product of the station, hidden ones too. Raises `ProductGone`."""
    found = await session.get(Product, product_id)
    if found is None:
        raise ProductGone
    return found
