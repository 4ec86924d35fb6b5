"""Reading products. The buyer's side is in `tenants.shop.shelf`, and offered here too for whoever asks the shop."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Select, any_, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.shop.errors import ProductGone
from tenants.shop.models import Product
from tenants.shop.shelf import Asked, Family, ShelfItem, count_on_sale, family, on_sale, page_of_shelf, shelf

__all__ = [
    "Asked", "Family", "ShelfItem", "count_on_sale", "family", "head_of", "in_order", "labels", "lowest_prices",
    "on_sale", "page_of_shelf", "product", "search", "shelf", "stock_of", "variants", "variants_of", "whole",
]  # fmt: skip

LOWEST = text(
    "SELECT good_id, min(price) AS price FROM products"
    " WHERE state = 'on_sale' AND good_id = ANY(:goods) GROUP BY good_id"
)
# Own cards, each product counted no further than 1,000; what a person delivers never runs out.
OWN_STOCK = text(
    """
    SELECT p.id, CASE WHEN p.fulfilment = 'by_hand' THEN 1000 ELSE
           (SELECT count(*) FROM (SELECT 1 FROM card_pool c WHERE c.item_id = p.id LIMIT 1000) counted) END AS units
    FROM products p WHERE p.id = ANY(:ids) AND p.good_id IS NULL AND p.specs = '[]'
    """
)
LABELS = text(
    """
    SELECT l.label, sum(same.products)::int AS products FROM (
        SELECT p.labels, count(*) AS products FROM products p
        WHERE p.variant_of IS NULL AND p.archived_at IS NULL AND p.labels <> '{}'
            AND (p.state = 'on_sale' OR NOT :shown_only)
        GROUP BY p.labels) same CROSS JOIN unnest(same.labels) l (label)
    GROUP BY l.label ORDER BY l.label LIMIT :limit
    """
)
IN_ORDER = text("SELECT id FROM products WHERE variant_of IS NULL AND archived_at IS NULL ORDER BY position, id")
BIN = "archived"


def search(words: str = "", state: str = "", categories: Sequence[int] = (), label: str = "") -> Select[Product]:
    """Products for the owner's list, without variants. `state` may be `archived`: the bin, newest first; nothing of it
    is found otherwise."""
    in_bin = state == BIN
    found = select(Product).where(Product.variant_of.is_(None), Product.archived_at.is_not(None) == in_bin)
    found = found.order_by(Product.archived_at.desc() if in_bin else Product.position, Product.id)
    if words:
        found = found.where(
            or_(Product.name.icontains(words, autoescape=True), func.array_to_string(Product.labels, " ").icontains(
                words, autoescape=True
            ))
        )  # fmt: skip
    if categories:
        found = found.where(Product.category_id.in_(categories))
    if label:
        found = found.where(literal(label) == any_(Product.labels))
    return found.where(Product.state == state) if state and not in_bin else found


async def product(session: AsyncSession, product_id: int) -> Product:
    """Any product of the station, hidden ones and variants too. Raises `ProductGone`."""
    found = await session.get(Product, product_id)
    if found is None:
        raise ProductGone
    return found


async def whole(session: AsyncSession, product_id: int) -> Product:
    """The same, and no variant: these are changed with their head. Raises `ProductGone`."""
    found = await product(session, product_id)
    if found.variant_of is not None:
        raise ProductGone
    return found


async def head_of(session: AsyncSession, product_id: int) -> Product:
    """The product that a variant is one of, or the product itself. Raises `ProductGone`."""
    found = await product(session, product_id)
    return found if found.variant_of is None else await product(session, found.variant_of)


async def variants(session: AsyncSession, head_id: int) -> Sequence[Product]:
    """Those of a head that are not thrown away, in their order."""
    found = select(Product).where(Product.variant_of == head_id, Product.archived_at.is_(None))
    return (await session.scalars(found.order_by(Product.position, Product.id))).all()


async def variants_of(session: AsyncSession, heads: Sequence[int]) -> dict[int, list[Product]]:
    """The same for several heads."""
    found = select(Product).where(Product.variant_of.in_(heads), Product.archived_at.is_(None))
    grouped: dict[int, list[Product]] = {head: [] for head in heads}
    for one in await session.scalars(found.order_by(Product.position, Product.id)):
        grouped[one.variant_of or 0].append(one)
    return grouped


async def stock_of(session: AsyncSession, products: Sequence[int]) -> dict[int, int]:
    """Units of the station's own products, by product, counted up to 1,000."""
    return {row.id: row.units for row in await session.execute(OWN_STOCK, {"ids": list(products)})}


async def labels(session: AsyncSession, *, shown_only: bool = False, limit: int = 200) -> dict[str, int]:
    """Every label with how many products have it."""
    rows = await session.execute(LABELS, {"shown_only": shown_only, "limit": limit})
    return {row.label: row.products for row in rows}


async def in_order(session: AsyncSession) -> list[int]:
    """All products, in the owner's order."""
    return [row.id for row in await session.execute(IN_ORDER)]


async def lowest_prices(session: AsyncSession, goods: Sequence[int]) -> dict[int, Decimal]:
    """The lowest price in yuan at which each good is on sale, by good."""
    return {row.good_id: row.price for row in await session.execute(LOWEST, {"goods": list(goods)})}
