"""What is done to many products at once. Tenant session; numbers that are no product's are passed over."""

from collections.abc import Sequence

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.plans import service as plans
from tenants.shop import categories
from tenants.shop.drafts import MOST_LABELS
from tenants.shop.errors import NothingChosen

MOST = 1000

NEW_ON_SALE = text(
    "SELECT count(*) FROM products WHERE id = ANY(:ids) AND state = 'hidden' AND archived_at IS NULL"
    " AND variant_of IS NULL"
)
# What is priced below the master's minimum is not put on sale: nobody could buy it.
SHOW = text(
    """
    UPDATE products p SET state = 'on_sale', changed_at = now()
    WHERE p.id = ANY(:ids) AND p.variant_of IS NULL AND p.archived_at IS NULL AND p.state = 'hidden'
        AND NOT EXISTS (SELECT 1 FROM quote(ARRAY(SELECT good_id FROM products WHERE id = ANY(:ids))) q
                        WHERE q.good_id = p.good_id AND p.price < q.min_resale)
    RETURNING p.id
    """
)
HIDE = text(
    "UPDATE products SET state = 'hidden', changed_at = now()"
    " WHERE id = ANY(:ids) AND variant_of IS NULL AND state = 'on_sale' RETURNING id"
)
ARCHIVE = text(
    "UPDATE products SET state = 'hidden', archived_at = now()"
    " WHERE id = ANY(:ids) AND variant_of IS NULL AND archived_at IS NULL RETURNING id"
)
RESTORE = text(
    "UPDATE products SET archived_at = NULL, changed_at = now()"
    " WHERE id = ANY(:ids) AND variant_of IS NULL AND archived_at IS NOT NULL RETURNING id"
)
FILE = text(
    """
    UPDATE products SET category_id = :category, changed_at = now()
    WHERE (id = ANY(:ids) OR variant_of = ANY(:ids)) AND category_id IS DISTINCT FROM CAST(:category AS bigint)
    RETURNING coalesce(variant_of, id)
    """
)
LABEL = text(
    """
    UPDATE products SET labels = array_append(labels, CAST(:label AS text)), changed_at = now()
    WHERE (id = ANY(:ids) OR variant_of = ANY(:ids)) AND NOT :label = ANY(labels) AND cardinality(labels) < :most
    RETURNING coalesce(variant_of, id)
    """
)
UNLABEL = text(
    """
    UPDATE products SET labels = array_remove(labels, CAST(:label AS text)), changed_at = now()
    WHERE (id = ANY(:ids) OR variant_of = ANY(:ids)) AND :label = ANY(labels)
    RETURNING coalesce(variant_of, id)
    """
)


async def show(session: AsyncSession, products: Sequence[int]) -> int:
    """Puts them on sale, but for what is priced below the master's minimum; how many. Raises `TooManyProducts`."""
    more = int((await session.execute(NEW_ON_SALE, {"ids": list(products)})).scalar_one())
    await plans.check_products(session, more)
    return await _do(session, SHOW, products)


async def hide(session: AsyncSession, products: Sequence[int]) -> int:
    return await _do(session, HIDE, products)


async def archive(session: AsyncSession, products: Sequence[int]) -> int:
    return await _do(session, ARCHIVE, products)


async def restore(session: AsyncSession, products: Sequence[int]) -> int:
    return await _do(session, RESTORE, products)


async def file_under(session: AsyncSession, products: Sequence[int], category_id: int | None) -> int:
    """Raises `CategoryGone`."""
    if category_id is not None:
        (await categories.tree(session)).node(category_id)
    return await _do(session, FILE, products, category=category_id)


async def label(session: AsyncSession, products: Sequence[int], word: str) -> int:
    return await _do(session, LABEL, products, label=word, most=MOST_LABELS)


async def unlabel(session: AsyncSession, products: Sequence[int], word: str) -> int:
    return await _do(session, UNLABEL, products, label=word)


async def _do(session: AsyncSession, statement: TextClause, products: Sequence[int], **values: object) -> int:
    if not products:
        raise NothingChosen
    rows = await session.execute(statement, {"ids": list(products)[:MOST], **values})
    return len({row[0] for row in rows})
