"""What the list of products can be asked for, from its address."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.lists.source import Query
from tenants.shop import categories

NAMES = ("q", "state", "category", "label")


def asked_for(query: Query, tree: categories.Tree) -> tuple[str, str, Sequence[int], str]:
    """Words, state, categories and label; an unknown category finds nothing."""
    category = query.get("category", "")
    number = int(category) if category.isascii() and category.isdigit() and len(category) < 10 else 0
    within = (tree.within(number) or [0]) if category else []
    return query.get("q", ""), query.get("state", ""), within, query.get("label", "")


async def count(session: AsyncSession, found: Select[Any], most: int) -> int:
    """How many a select finds, counted up to `most`."""
    counted = select(func.count()).select_from(found.order_by(None).limit(most).subquery())
    return int((await session.execute(counted)).scalar_one())
