"""Products, to take away: variants stand below their head, each with its own price."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.lists import product_filters
from admin_ui.lists.cells import Column
from admin_ui.lists.source import Asked, Source
from billing.wholesale import queries as wholesale
from billing.wholesale.queries import Quote
from kameng.identity.permissions import Permission
from kameng.web.i18n import N_, gettext
from tenants.shop import categories, queries

COLUMNS = (
    Column(N_("Product")),
    Column(N_("Variant")),
    Column(N_("State")),
    Column(N_("Category")),
    Column(N_("Labels")),
    Column(N_("Price, ¥"), "price"),
    Column(N_("You pay, ¥"), "price", is_money=True),
    Column(N_("Stock"), "number"),
    Column(N_("Sold in 30 days"), "number"),
)


async def _count(session: AsyncSession, asked: Asked, most: int) -> int:
    tree = await categories.tree(session)
    return await product_filters.count(session, queries.search(*product_filters.asked_for(asked.query, tree)), most)


async def _read(session: AsyncSession, asked: Asked, after: str, limit: int) -> tuple[list[list[Any]], str]:
    tree, passed = await categories.tree(session), int(after or 0)
    found = queries.search(*product_filters.asked_for(asked.query, tree)).limit(limit).offset(passed)
    heads = list(await session.scalars(found))
    grouped = await queries.variants_of(session, [one.id for one in heads if one.specs])
    lines = [(head, unit) for head in heads for unit in (grouped.get(head.id, []) if head.specs else [head])]
    numbers = sorted({unit.good_id for _, unit in lines if unit.good_id is not None})
    quotes = await wholesale.quotes(session, numbers) if numbers else {}
    own = await queries.stock_of(session, [unit.id for _, unit in lines if unit.good_id is None])
    rows = [_row(head, unit, tree, quotes, own) for head, unit in lines]
    return rows, str(passed + limit) if len(heads) == limit else ""


def _row(head: Any, unit: Any, tree: categories.Tree, quotes: dict[int, Quote], own: dict[int, int]) -> list[Any]:
    quote = quotes.get(unit.good_id or 0)
    return [
        head.name,
        " / ".join(unit.spec_values.values()) if unit is not head else "",
        gettext("In the bin") if head.archived_at else words.badge("product", unit.state).word,
        tree.title(head.category_id),
        " ".join(head.labels),
        str(unit.price),
        str(quote.wholesale_price) if quote else None,
        own.get(unit.id, 0) if unit.good_id is None else quote.available if quote else None,
        unit.sold,
    ]


SOURCE = Source(
    key="products",
    path="/console/products",
    title=N_("Products"),
    permission=Permission.PRODUCTS_READ,
    filters=product_filters.NAMES,
    columns=COLUMNS,
    count=_count,
    read=_read,
)
