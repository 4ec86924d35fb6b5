"""What is in stock, to take away."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.lists import reading
from admin_ui.lists.cells import Column, moment
from admin_ui.lists.source import Asked, Source
from kameng.identity.permissions import Permission
from kameng.web import paging
from kameng.web.i18n import N_, gettext
from tenants.stock import queries
from tenants.toggles import flags

COLUMNS = (
    Column(N_("Product")),
    Column(N_("State")),
    Column(N_("From")),
    Column(N_("Left"), "number"),
    Column(N_("Warned at"), "number"),
    Column(N_("Low since"), "moment"),
    Column(N_("Counted at"), "moment"),
)


def _values(asked: Asked) -> dict[str, Any]:
    said = asked.get("q")
    return {"words": said, "pattern": paging.like(said), "state": asked.get("state")}


async def _count(session: AsyncSession, asked: Asked, most: int) -> int:
    return await reading.count(session, queries.LEVELS, _values(asked), most)


async def _read(session: AsyncSession, asked: Asked, after: str, limit: int) -> tuple[list[list[Any]], str]:
    rows, then = await reading.by_offset(session, queries.LEVELS, _values(asked), after, limit)
    return [_row(one) for one in rows], then


def _row(one: Any) -> list[Any]:
    return [
        one.name,
        words.badge("product", one.state).word,
        gettext("The master") if one.good_id else gettext("Own cards"),
        one.units,
        one.warn_at,
        moment(one.low_since),
        moment(one.counted_at),
    ]


SOURCE = Source(
    key="stock",
    path="/console/stock",
    title=N_("Stock"),
    permission=Permission.PRODUCTS_READ,
    filters=("q", "state"),
    columns=COLUMNS,
    count=_count,
    read=_read,
    opt=dict(flags.STOCK_ROOM.opt),
)
