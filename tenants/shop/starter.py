"""The first products of a shop: everything it can have. Tenant session."""

from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Rounded up to 0.1 yuan, so never below the wholesale price. What is listed already stays as it is.
LIST_ALL = text(
    """
    INSERT INTO products (good_id, name, description, usage_note, price, position)
    SELECT g.id, g.name, g.description, g.usage_note, ceil(q.wholesale_price * (100 + :percent) / 10) / 10,
           row_number() OVER (ORDER BY g.name)
    FROM quote(ARRAY(SELECT id FROM goods WHERE state = 'active')) q JOIN goods g ON g.id = q.good_id
    WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.good_id = g.id)
    """
)


async def list_all(session: AsyncSession, markup_percent: Decimal) -> int:
    """Lists all goods of the station's tier at wholesale price plus `markup_percent`; returns how many are new."""
    done = await session.execute(LIST_ALL, {"percent": markup_percent})
    return int(getattr(done, "rowcount", 0))
