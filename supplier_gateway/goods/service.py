"""Keeping the master catalogue. Master session."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.goods import queries
from supplier_gateway.goods.errors import GoodNameTaken
from supplier_gateway.goods.models import Good


async def add(session: AsyncSession, name: str, description: str = "", usage_note: str = "") -> Good:
    """Raises `GoodNameTaken`."""
    await _check_name(session, name, None)
    good = Good(name=name, description=description, usage_note=usage_note)
    session.add(good)
    await session.flush()
    return good


async def change(session: AsyncSession, good_id: int, name: str, description: str, usage_note: str) -> Good:
    """Raises `GoodGone`, `GoodNameTaken`."""
    good = await queries.good(session, good_id)
    await _check_name(session, name, good_id)
    if name != good.name and "name" not in good.hand_set:
        good.hand_set = [*good.hand_set, "name"]
    good.name, good.description, good.usage_note = name, description, usage_note
    await session.flush()
    return good


async def withdraw(session: AsyncSession, good_id: int, *, withdrawn: bool) -> Good:
    """Takes a good out of sale at every station, or puts it back. Raises `GoodGone`."""
    good = await queries.good(session, good_id)
    good.state = "withdrawn" if withdrawn else "active"
    await session.flush()
    return good


async def _check_name(session: AsyncSession, name: str, but: int | None) -> None:
    taken = select(func.count()).select_from(Good).where(Good.name == name)
    if await session.scalar(taken if but is None else taken.where(Good.id != but)):
        raise GoodNameTaken(field="name")
