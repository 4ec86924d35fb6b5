"""Buyers, to take away."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.lists import reading
from admin_ui.lists.cells import Column, moment
from admin_ui.lists.source import Asked, Source
from kameng.identity.permissions import Permission
from kameng.web import paging
from kameng.web.i18n import N_, gettext
from tenants.buyers import queries
from tenants.toggles import flags

COLUMNS = (
    Column(N_("Buyer")),
    Column(N_("Kind")),
    Column(N_("Contact")),
    Column(N_("Paid orders"), "number"),
    Column(N_("Wallet, ¥"), "cents"),
    Column(N_("Since"), "moment"),
)


def _values(asked: Asked) -> dict[str, Any]:
    said = asked.get("q")
    return {"words": said, "pattern": paging.like(said), "kind": asked.get("kind")}


async def _count(session: AsyncSession, asked: Asked, most: int) -> int:
    return await reading.count(session, queries.LINES, _values(asked), most)


async def _read(session: AsyncSession, asked: Asked, after: str, limit: int) -> tuple[list[list[Any]], str]:
    rows, then = await reading.by_key(session, queries.LINES, _values(asked), after, limit)
    return [_row(one) for one in rows], then


def _row(one: Any) -> list[Any]:
    name = one.login or gettext("Guest %(id)s", id=str(one.id)[-6:])
    return [name, words.say("buyer", one.kind), one.contact, one.orders, one.wallet_cents, moment(one.created_at)]


SOURCE = Source(
    key="buyers",
    path="/console/buyers",
    title=N_("Buyers"),
    permission=Permission.BUYERS_READ,
    filters=("q", "kind"),
    columns=COLUMNS,
    count=_count,
    read=_read,
    opt=dict(flags.BUYERS.opt),
)
