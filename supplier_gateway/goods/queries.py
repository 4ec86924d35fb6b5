"""Reading the master catalogue. Tenants may too; there is no price in it."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.goods.errors import GoodGone
from supplier_gateway.goods.models import Good


def search(words: str = "") -> Select[tuple[Good]]:
    """Goods whose name holds `words`, newest first."""
    found = select(Good).order_by(Good.id.desc())
    return found.where(Good.name.icontains(words, autoescape=True)) if words else found


async def good(session: AsyncSession, good_id: int) -> Good:
    """Raises `GoodGone`."""
    found = await session.get(Good, good_id)
    if found is None:
        raise GoodGone
    return found


async def active(session: AsyncSession) -> Sequence[Good]:
    return (await session.scalars(search().where(Good.state == "active"))).all()
