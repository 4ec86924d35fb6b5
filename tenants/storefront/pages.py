"""What every page of the shop shows of the person: who it is, and how much is in the wallet."""

from typing import Any

from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import queries as ledger
from kameng.web.answers import render
from kameng.web.people import Viewer, Visitor


class Shopper(Viewer, frozen=True, kw_only=True):
    """A buyer as the pages know him; `wallet_cents` is his balance."""

    wallet_cents: int


def shopper_with(visitor: Visitor, wallet_cents: int) -> Shopper | None:
    """The buyer who is signed in, or None."""
    if visitor.buyer_id is None:
        return None
    return Shopper(id=visitor.buyer_id, name=visitor.name, role=visitor.role, wallet_cents=wallet_cents)


async def shopper(session: AsyncSession, visitor: Visitor) -> Shopper | None:
    """The buyer who is signed in, with the balance as it is now, or None."""
    if visitor.buyer_id is None:
        return None
    return shopper_with(visitor, await ledger.balance_cents(session, "wallet", str(visitor.buyer_id)))


async def page(session: AsyncSession, visitor: Visitor, name: str, /, *, status: int = 200, **values: Any) -> Template:
    """A whole page. Fragments, which show no header, are made with `kameng.web.answers.render`."""
    return render(name, status=status, viewer=await shopper(session, visitor), **values)
