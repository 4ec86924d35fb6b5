"""Keeping the master catalogue. Master session."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.goods.errors import GoodNameTaken
from supplier_gateway.goods.models import Good


async def add(session: AsyncSession, name: str, description: str = "", usage_note: str = "") -> Good:
    """Raises `GoodNameTaken`."""
    if await session.scalar(select(func.count()).select_from(Good).where(Good.name == name)):
        raise GoodNameTaken(field="name")
    good = Good(name=name, description=description, usage_note=usage_note)
    session.add(good)
    await session.flush()
    return good
