"""Tickets: opened and written in by buyers, answered, noted, assigned, merged and closed by the shop. Tenant session;
nothing here commits. Each act holds its ticket."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.infra import outbox, wording
from kameng.infra.outbox import Event
from kameng.infra.tenancy import Tenant
from kameng.infra.wording import BadWording
from tenants.aftersale import facts, pictures, queries, settings
from tenants.aftersale.errors import Merged, NotClosed, NotTheSame, TicketClosed, TooManyMessages, TooManyTickets
from tenants.aftersale.models import Message, Ticket
from tenants.aftersale.settings import Schedule
from tenants.aftersale.states import Author, State
from tenants.branding.drawing import Drawn
from tenants.notices import service as notices

log = structlog.get_logger()

MOST_OPEN = 10
MOST_MESSAGES = 300
LONGEST_ANSWER = 2000  # of a template
BY_ITSELF, BY_BUYER = "", "buyer"  # `closed_by` where it was nobody of the shop
Then = Literal["answered", "waiting", "closed"]

COUNT_OPEN = text("SELECT count(*) FROM tickets WHERE buyer_id = :buyer_id AND state <> 'closed'")
COUNT_MESSAGES = text("SELECT count(*) FROM ticket_messages WHERE ticket_id = :ticket_id")
MOVE_MESSAGES = text("UPDATE ticket_messages SET ticket_id = :into WHERE ticket_id = :ticket_id")
MOVE_PICTURES = text(
    "INSERT INTO ticket_pictures (ticket_id, name, body) SELECT :into, name, body FROM ticket_pictures"
    " WHERE ticket_id = :ticket_id ON CONFLICT DO NOTHING"
)
DROP_PICTURES = text("DELETE FROM ticket_pictures WHERE ticket_id = :ticket_id")


class TicketOpened(Event, frozen=True):
    """A buyer asks for help."""

    ticket_id: UUID


class TicketAnswered(Event, frozen=True):
    """The shop has answered; followed when the buyer has had time to say otherwise."""

    ticket_id: UUID
    at: datetime


class Claim(Struct, frozen=True, kw_only=True):
    """What a buyer opens a ticket with. Without an order `order_no` is empty."""

    buyer_id: UUID
    order_id: UUID | None = None
    order_no: str = ""
    kind: str
    subject: str
    contact: str = ""
    body: str
    pictures: Sequence[Drawn] = ()


async def open_ticket(session: AsyncSession, tenant: Tenant, claim: Claim) -> Ticket:
    """Opens a ticket, answers it by template where one is due now, and tells the owner. Raises `TooManyTickets`."""
    if (await session.execute(COUNT_OPEN, {"buyer_id": claim.buyer_id})).scalar_one() >= MOST_OPEN:
        raise TooManyTickets(most=MOST_OPEN)
    now, plan = clock.now(), await settings.schedule(session)
    ticket = Ticket(
        id=ids.uuid7(),
        no=f"T{now:%y%m%d}-{ids.code(8)}",
        buyer_id=claim.buyer_id,
        order_id=claim.order_id,
        order_no=claim.order_no,
        kind=claim.kind,
        subject=claim.subject,
        contact=claim.contact,
        opened_at=now,
        changed_at=now,
        due_at=plan.due(now, _zone(tenant)),
    )
    session.add(ticket)
    await session.flush()
    await _write(session, ticket, Author.BUYER, "", claim.body, claim.pictures)
    await _answer_by_template(session, tenant, ticket, plan, now)
    await notices.tell(session, "ticket_opened", ticket.no, about=ticket.kind, order=ticket.order_no)
    await outbox.record(session, TicketOpened(ticket.id))
    return ticket


async def write(session: AsyncSession, tenant: Tenant, ticket: Ticket, body: str, drawn: Sequence[Drawn] = ()) -> None:
    """A message of the buyer: the shop is to answer again, also where the ticket was closed. Raises `Merged`,
    `TooManyMessages`."""
    _refuse_merged(ticket)
    if (await session.execute(COUNT_MESSAGES, {"ticket_id": ticket.id})).scalar_one() >= MOST_MESSAGES:
        raise TooManyMessages
    now, plan = clock.now(), await settings.schedule(session)
    if ticket.state != State.OPEN:
        ticket.due_at = plan.due(now, _zone(tenant))
    _stand(ticket, State.OPEN, now)
    await _write(session, ticket, Author.BUYER, "", body, drawn)
    await _answer_by_template(session, tenant, ticket, plan, now)


async def _answer_by_template(
    session: AsyncSession, tenant: Tenant, ticket: Ticket, plan: Schedule, now: datetime
) -> None:
    """Once in each stretch of peak hours or of hours in which nobody is there. The deadline stays: a person is still
    to answer."""
    window = plan.window(now, _zone(tenant))
    if window is None or window.key == ticket.auto_window:
        return
    try:
        said = wording.render(window.text, await facts.of_ticket(session, tenant, ticket), limit=LONGEST_ANSWER)
    except BadWording as bad:  # it was tried out when it was saved; a very long name may still break its limit
        log.warning("auto_reply_failed", ticket=ticket.no, error=str(bad))
        return
    await _write(session, ticket, Author.AUTOMATIC, "", said)
    ticket.auto_window = window.key
    ticket.auto_at = ticket.auto_at or now
    ticket.shop_wrote_at = now


async def answer(
    session: AsyncSession, ticket_no: str, staff_id: UUID, name: str, body: str, then: Then = "answered"
) -> Ticket:
    """A message of the shop. Whoever answers what is nobody's takes it on. Raises `TicketGone`, `TicketClosed`,
    `TooManyMessages`."""
    ticket = await queries.ticket(session, ticket_no, lock=True)
    if ticket.is_closed:
        raise TicketClosed
    now = clock.now()
    await _write(session, ticket, Author.STAFF, name, body)
    if ticket.assigned_to is None:
        ticket.assigned_to, ticket.assigned_name = staff_id, name
    ticket.answered_at = ticket.answered_at or now
    ticket.shop_wrote_at = now
    _stand(ticket, State(then), now, name)
    await session.flush()
    if then != "closed":
        days = (await settings.schedule(session)).answering.close_days
        await outbox.record(session, TicketAnswered(ticket.id, now), delay=timedelta(days=days))
    return ticket


async def note(session: AsyncSession, ticket_no: str, name: str, body: str) -> Ticket:
    """A message that only the shop reads; it changes nothing else. Raises `TicketGone`, `Merged`."""
    ticket = await queries.ticket(session, ticket_no, lock=True)
    _refuse_merged(ticket)
    await _write(session, ticket, Author.NOTE, name, body)
    return ticket


async def assign(session: AsyncSession, ticket_no: str, staff_id: UUID | None, name: str) -> str:
    """Gives a ticket to somebody, or to nobody; returns whose it was. Raises `TicketGone`, `Merged`."""
    ticket = await queries.ticket(session, ticket_no, lock=True)
    _refuse_merged(ticket)
    before = ticket.assigned_name
    ticket.assigned_to, ticket.assigned_name = staff_id, name if staff_id else ""
    return before


async def close(session: AsyncSession, ticket: Ticket, by: str) -> None:
    """Ends a ticket that was locked. Raises `TicketClosed`."""
    if ticket.is_closed:
        raise TicketClosed
    _stand(ticket, State.CLOSED, clock.now(), by)
    await session.flush()


async def reopen(session: AsyncSession, tenant: Tenant, ticket: Ticket) -> None:
    """Opens a ticket that was locked again: the shop is to answer. Raises `NotClosed`, `Merged`."""
    _refuse_merged(ticket)
    if not ticket.is_closed:
        raise NotClosed
    now = clock.now()
    ticket.due_at = (await settings.schedule(session)).due(now, _zone(tenant))
    _stand(ticket, State.OPEN, now)
    await session.flush()


async def close_if_silent(session: AsyncSession, ticket_id: UUID, answered_at: datetime) -> Ticket | None:
    """Ends a ticket in which nobody has written since the shop answered; None if somebody has."""
    ticket = await queries.ticket_by_id(session, ticket_id, lock=True)
    if ticket.state not in (State.ANSWERED, State.WAITING) or ticket.shop_wrote_at != answered_at:
        return None
    _stand(ticket, State.CLOSED, clock.now(), BY_ITSELF)
    return ticket


async def merge(session: AsyncSession, ticket_no: str, into_no: str, note_body: str, name: str) -> Ticket:
    """Moves the messages of a ticket into another one about the same order, and closes it. What was due first stays
    due. Raises `TicketGone`, `NotTheSame`."""
    first, second = sorted((ticket_no, into_no))  # always in this order, so that two merges do not wait for each other
    held = {no: await queries.ticket(session, no, lock=True) for no in (first, second)}
    ticket, into = held[ticket_no], held[into_no]
    if ticket is into or ticket.is_closed or into.is_closed or not ticket.order_no:
        raise NotTheSame
    if (ticket.order_no, ticket.buyer_id) != (into.order_no, into.buyer_id):
        raise NotTheSame
    moved = {"ticket_id": ticket.id, "into": into.id}
    for statement in (MOVE_MESSAGES, MOVE_PICTURES, DROP_PICTURES):
        await session.execute(statement, moved)
    await _write(session, into, Author.NOTE, name, note_body)
    now = clock.now()
    if State.OPEN in (ticket.state, into.state):
        into.due_at = min(at for at in (ticket.due_at, into.due_at) if at)
        _stand(into, State.OPEN, now)
    into.shop_wrote_at = max((at for at in (ticket.shop_wrote_at, into.shop_wrote_at) if at), default=None)
    _stand(ticket, State.CLOSED, now, name)
    ticket.merged_into = into.id
    await session.flush()
    return into


async def rate(session: AsyncSession, ticket: Ticket, stars: int, words: str) -> None:
    """What the buyer thinks of how he was helped; once, after the end. Raises `NotClosed`, `Merged`."""
    _refuse_merged(ticket)
    if not ticket.is_closed:
        raise NotClosed
    if ticket.rating is None:
        ticket.rating, ticket.rating_words = stars, words
        await session.flush()


def see(ticket: Ticket) -> None:
    """The buyer has what the shop wrote before his eyes."""
    if ticket.is_unread:
        ticket.buyer_seen_at = clock.now()


async def _write(
    session: AsyncSession, ticket: Ticket, author: Author, name: str, body: str, drawn: Sequence[Drawn] = ()
) -> None:
    names = await pictures.keep(session, ticket.id, drawn) if drawn else []
    session.add(Message(ticket_id=ticket.id, author=str(author), name=name, body=body, pictures=names))
    ticket.changed_at = clock.now()
    await session.flush()


def _stand(ticket: Ticket, state: State, now: datetime, by: str = "") -> None:
    ticket.state = str(state)
    ticket.changed_at = now
    if state is not State.OPEN:
        ticket.due_at = None
    ticket.closed_at, ticket.closed_by = (now, by) if state is State.CLOSED else (None, "")


def _refuse_merged(ticket: Ticket) -> None:
    if ticket.merged_into is not None:
        raise Merged


def _zone(tenant: Tenant) -> ZoneInfo:
    return ZoneInfo(tenant.time_zone)
