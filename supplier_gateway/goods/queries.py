"""Reading the master catalogue. Tenants may too; there is no price in it."""

from collections.abc import Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.goods.errors import GoodGone
from supplier_gateway.goods.models import Good

# For `kameng.web.paging.of_sql`. `stock` is what active offers tell, with the master's own cards; `best_cost` in yuan.
LINES = """
    SELECT g.id, g.name, g.state, count(o.id)::int AS offers, min(o.cost) AS best_cost,
           coalesce(sum(o.stock) FILTER (WHERE s.protocol <> 'stock'), 0)::int AS upstream,
           coalesce(bool_or(s.protocol <> 'stock' AND o.stock IS NULL), false) AS is_open_ended,
           CASE WHEN bool_or(s.protocol = 'stock')
                THEN (SELECT count(*) FROM card_pool c WHERE c.item_id = g.id) ELSE 0 END AS cards
    FROM goods g LEFT JOIN (offers o JOIN suppliers s ON s.id = o.supplier_id AND s.state = 'active')
        ON o.good_id = g.id AND o.state = 'active'
    WHERE (:words = '' OR g.name ILIKE :pattern) AND (:state = '' OR g.state = :state)
    GROUP BY g.id ORDER BY g.id DESC
"""


def search(words: str = "") -> Select[Good]:
    """Goods whose name holds `words`, newest first."""
    found = select(Good).order_by(Good.id.desc())
    return found.where(Good.name.icontains(words, autoescape=True)) if words else found


async def good(session: AsyncSession, good_id: int) -> Good:
    """Raises `GoodGone`."""
    found = await session.get(Good, good_id)
    if found is None:
        raise GoodGone
    return found


async def named(session: AsyncSession, name: str) -> Good | None:
    """The good of this name, whatever its case and spaces."""
    return await session.scalar(
        select(Good).where(func.lower(func.regexp_replace(Good.name, r"\s", "", "g")) == fold(name)).limit(1)
    )


def fold(name: str) -> str:
    """A name without case and spaces."""
    return "".join(name.split()).lower()


async def key_goods(session: AsyncSession, but: int) -> Sequence[tuple[int, str]]:
    """Number and name of the goods that are card keys, but for one; at most 500."""
    found = select(Good.id, Good.name).where(Good.kind == "cards", Good.id != but).order_by(Good.name).limit(500)
    return [(row.id, row.name) for row in await session.execute(found)]


async def active(session: AsyncSession) -> Sequence[Good]:
    return (await session.scalars(search().where(Good.state == "active"))).all()
