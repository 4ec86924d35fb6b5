"""Tickets, to take away."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.lists import reading
from admin_ui.lists.cells import Column, moment
from admin_ui.lists.source import Asked, Source
from kameng.identity.permissions import Permission
from kameng.web import paging
from kameng.web.i18n import N_, gettext
from tenants.aftersale import facts, queries
from tenants.toggles import flags

COLUMNS = (
    Column(N_("Ticket")),
    Column(N_("Opened at"), "moment"),
    Column(N_("State")),
    Column(N_("Kind")),
    Column(N_("What it is about")),
    Column(N_("Order")),
    Column(N_("Buyer")),
    Column(N_("Contact")),
    Column(N_("To be answered by"), "moment"),
    Column(N_("Whose")),
    Column(N_("Answered at"), "moment"),
    Column(N_("Rating"), "number"),
    Column(N_("Last message"), "moment"),
)


def view_of(said: str, words_asked: str) -> str:
    """The view that an address means: without one, what is to be answered; what is searched for, among all."""
    return said if said in queries.VIEWS else "all" if words_asked else "open"


def _statement(asked: Asked) -> tuple[str, dict[str, Any]]:
    view, said = view_of(asked.get("show"), asked.get("q")), asked.get("q")
    values = {"words": said, "pattern": paging.like(said)}
    return queries.lines(view), values | ({"me": asked.staff_id} if view == "mine" else {})


async def _count(session: AsyncSession, asked: Asked, most: int) -> int:
    return await reading.count(session, *_statement(asked), most)


async def _read(session: AsyncSession, asked: Asked, after: str, limit: int) -> tuple[list[list[Any]], str]:
    rows, then = await reading.by_offset(session, *_statement(asked), after, limit)
    return [_row(one) for one in rows], then


def _row(one: Any) -> list[Any]:
    return [
        one.no,
        moment(one.opened_at),
        words.badge("ticket", one.state).word,
        gettext(facts.KINDS[one.kind]),
        one.subject,
        one.order_no,
        one.login or words.say("buyer", one.buyer_kind or "guest"),
        one.contact,
        moment(one.due_at),
        one.assigned_name,
        moment(one.answered_at),
        one.rating,
        moment(one.changed_at),
    ]


SOURCE = Source(
    key="tickets",
    path="/console/tickets",
    title=N_("Tickets"),
    permission=Permission.TICKETS_READ,
    filters=("q", "show"),
    columns=COLUMNS,
    count=_count,
    read=_read,
    opt=dict(flags.TICKETS.opt),
)
