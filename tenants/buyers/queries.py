"""Reading buyers."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.buyers.errors import BuyerGone
from tenants.buyers.models import Buyer

# For `kameng.web.paging.of_sql`: the page's buyers with balance and orders, in one statement.
LINES = """
    SELECT b.id, b.kind, b.login, b.contact, b.created_at,
           coalesce((SELECT a.balance_cents FROM ledger_accounts a WHERE a.tenant_id = current_tenant()
                     AND a.kind = 'wallet' AND a.owner = CAST(b.id AS text)), 0) AS wallet_cents,
           (SELECT count(*) FROM orders o WHERE o.buyer_id = b.id AND o.paid_at IS NOT NULL) AS orders
    FROM buyers b
    WHERE (:words = '' OR b.login ILIKE :pattern OR b.contact ILIKE :pattern) AND (:kind = '' OR b.kind = :kind)
    ORDER BY b.id DESC
"""


async def buyer(session: AsyncSession, buyer_id: UUID) -> Buyer:
    """Raises `BuyerGone`."""
    found = await session.get(Buyer, buyer_id)
    if found is None:
        raise BuyerGone
    return found


async def guest_for_update(session: AsyncSession, buyer_id: UUID) -> Buyer:
    """A guest, locked. Raises `BuyerGone`, for a member too."""
    found = await session.scalar(select(Buyer).where(Buyer.id == buyer_id, Buyer.kind == "guest").with_for_update())
    if found is None:
        raise BuyerGone
    return found


async def by_login(session: AsyncSession, login: str) -> Buyer | None:
    """The member with this login, whatever its case."""
    return await session.scalar(select(Buyer).where(func.lower(Buyer.login) == login.lower()))


def search(words: str = "") -> Select[Buyer]:
    """Buyers for the owner's list, newest first."""
    found = select(Buyer).order_by(Buyer.id.desc())
    if words:
        found = found.where(
            Buyer.login.icontains(words, autoescape=True) | Buyer.contact.icontains(words, autoescape=True)
        )
    return found
