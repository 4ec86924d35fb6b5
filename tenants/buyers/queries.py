"""Reading buyers."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.buyers.errors import BuyerGone
from tenants.buyers.models import Buyer


async def buyer(session: AsyncSession, buyer_id: UUID) -> Buyer:
    """Raises `BuyerGone`."""
    found = await session.get(Buyer, buyer_id)
    if found is None:
        raise BuyerGone
    return found


async def guest_for_update(session: AsyncSession, buyer_id: UUID) -> Buyer:
    """A guest, locked. Raises `BuyerGone`, for a member too."""
    found = await session.scalar(
        select(Buyer).where(Buyer.id == buyer_id, Buyer.kind == "guest").with_for_update()
    )
    if found is None:
        raise BuyerGone
    return found


async def by_login(session: AsyncSession, login: str) -> Buyer | None:
    """The member with this login, whatever its case."""
    return await session.scalar(select(Buyer).where(func.lower(Buyer.login) == login.lower()))


def search(words: str = "") -> Select[tuple[Buyer]]:
    """Buyers for the owner's list, newest first."""
    found = select(Buyer).order_by(Buyer.id.desc())
    if words:
        found = found.where(
            Buyer.login.icontains(words, autoescape=True) | Buyer.contact.icontains(words, autoescape=True)
        )
    return found
