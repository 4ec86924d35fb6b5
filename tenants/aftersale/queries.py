"""Reading tickets. Tenant session."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, false, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.aftersale.errors import PictureGone, ReplyGone, TicketGone
from tenants.aftersale.models import CannedReply, Message, Ticket
from tenants.aftersale.states import Author

MOST_SHOWN = 500
CLAIM_DAYS = 90
FREQUENT_CLAIMS, FREQUENT_SHARE = 3, 3  # so many claims, and one for at most so many orders

# For `kameng.web.paging.of_sql`, with one of VIEWS in the place of its condition.
LINES = """
    SELECT t.no, t.subject, t.kind, t.order_no, t.state, t.due_at, t.opened_at, t.changed_at, t.assigned_to,
           t.assigned_name, t.contact, t.rating, t.auto_at, t.answered_at, b.login, b.kind AS buyer_kind,
           t.due_at < now() AS is_overdue,
           (SELECT count(*) FROM tickets c WHERE c.buyer_id = t.buyer_id AND c.order_id IS NOT NULL
            AND c.merged_into IS NULL AND c.opened_at >= now() - interval '90 days') AS claims,
           (SELECT count(*) FROM orders o WHERE o.buyer_id = t.buyer_id AND o.paid_at >= now() - interval '90 days')
           AS orders
    FROM tickets t LEFT JOIN buyers b ON b.id = t.buyer_id
    WHERE {view} AND (:words = '' OR t.no ILIKE :pattern OR t.order_no ILIKE :pattern OR t.subject ILIKE :pattern
          OR t.contact ILIKE :pattern OR b.login ILIKE :pattern)
    ORDER BY {order}
"""
BY_DEADLINE, BY_CHANGE = "t.due_at, t.id", "t.changed_at DESC, t.id"
VIEWS: Mapping[str, tuple[str, str]] = {
    "open": ("t.state = 'open'", BY_DEADLINE),
    "overdue": ("t.state = 'open' AND t.due_at < now()", BY_DEADLINE),
    "mine": ("t.state <> 'closed' AND t.assigned_to = :me", "t.due_at NULLS LAST, t.changed_at DESC, t.id"),
    "nobodys": ("t.state = 'open' AND t.assigned_to IS NULL", BY_DEADLINE),
    "waiting": ("t.state = 'waiting'", BY_CHANGE),
    "answered": ("t.state = 'answered'", BY_CHANGE),
    "closed": ("t.state = 'closed' AND t.merged_into IS NULL", BY_CHANGE),
    "all": ("t.merged_into IS NULL", BY_CHANGE),
}
COUNTS = text(
    """
    SELECT count(*) FILTER (WHERE state = 'open') AS open,
           count(*) FILTER (WHERE state = 'open' AND due_at < now()) AS overdue,
           count(*) FILTER (WHERE assigned_to = :me) AS mine,
           count(*) FILTER (WHERE state = 'open' AND assigned_to IS NULL) AS nobodys,
           count(*) FILTER (WHERE state = 'waiting') AS waiting
    FROM tickets WHERE state IN ('open', 'waiting', 'answered')
    """
)
PICTURE = text("SELECT body FROM ticket_pictures WHERE ticket_id = :ticket_id AND name = :name")
# Counted over recent orders of one product; the index of paid orders is walked from its end.
USUAL_DELIVERY = text(
    """
    SELECT percentile_cont(0.8) WITHIN GROUP (ORDER BY extract(epoch FROM delivered_at - paid_at))
    FROM (SELECT paid_at, delivered_at FROM orders
          WHERE paid_at >= now() - interval '7 days' AND product_id = :product_id AND state = 'delivered'
          ORDER BY paid_at DESC LIMIT 200) recent
    """
)
PAST = text(
    """
    SELECT count(*) AS orders, coalesce(sum(total_cents - refunded_cents) FILTER (WHERE state <> 'refunded'), 0)::bigint
           AS spent_cents,
           count(*) FILTER (WHERE paid_at >= :since) AS recent_orders,
           count(*) FILTER (WHERE paid_at >= :since AND (state = 'refunded' OR refunded_cents > 0)) AS recent_refunds,
           (SELECT count(*) FROM tickets t WHERE t.buyer_id = :buyer_id AND t.order_id IS NOT NULL
            AND t.merged_into IS NULL AND t.opened_at >= :since) AS recent_claims
    FROM orders WHERE buyer_id = :buyer_id AND paid_at IS NOT NULL
    """
)


class Thread(Struct, frozen=True):
    """A conversation. `mark` stands for all that its page shows."""

    ticket: Ticket
    messages: Sequence[Message]

    @property
    def mark(self) -> str:
        last = self.messages[-1].id if self.messages else 0
        ticket = self.ticket
        return f"{ticket.state}.{last}.{len(self.messages)}.{ticket.rating or 0}.{ticket.assigned_to or 0}"

    @property
    def is_closed(self) -> bool:
        return self.ticket.is_closed


class Past(Struct, frozen=True):
    """What a buyer has done here; `recent` is of the last 90 days. Amounts in cents."""

    orders: int
    spent_cents: int
    recent_orders: int
    recent_refunds: int
    recent_claims: int

    @property
    def refund_share(self) -> float:
        """Of the recent orders, from 0 to 1."""
        return self.recent_refunds / self.recent_orders if self.recent_orders else 0.0

    @property
    def is_frequent(self) -> bool:
        return is_frequent(self.recent_claims, self.recent_orders)


def is_frequent(claims: int, orders: int) -> bool:
    """Whether somebody complains conspicuously often: three times or more, and about a third of what he bought."""
    return claims >= FREQUENT_CLAIMS and claims * FREQUENT_SHARE >= orders


def lines(view: str) -> str:
    """The queue as one of `VIEWS`: what is overdue first where something is due."""
    condition, order = VIEWS.get(view, VIEWS["all"])
    return LINES.format(view=condition, order=order)


async def counts(session: AsyncSession, me: UUID) -> Mapping[str, int]:
    """How many tickets are in those of `VIEWS` that somebody has to do something about."""
    return dict((await session.execute(COUNTS, {"me": me})).mappings().one())


async def ticket(session: AsyncSession, no: str, *, lock: bool = False) -> Ticket:
    """Any ticket of the station. Raises `TicketGone`."""
    return await _one(session, select(Ticket).where(Ticket.no == no), lock=lock)


async def ticket_by_id(session: AsyncSession, ticket_id: UUID, *, lock: bool = False) -> Ticket:
    """Raises `TicketGone`."""
    return await _one(session, select(Ticket).where(Ticket.id == ticket_id), lock=lock)


async def ticket_of(
    session: AsyncSession, no: str, buyer_id: UUID | None, order_no: str, *, lock: bool = False
) -> Ticket:
    """A ticket of this buyer, or about the order that somebody was let in to. Raises `TicketGone`, for others too."""
    return await _one(session, _of_whom(buyer_id, order_no).where(Ticket.no == no), lock=lock)


async def _one(session: AsyncSession, statement: Select[Ticket], *, lock: bool) -> Ticket:
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(statement)
    if found is None:
        raise TicketGone
    return found


def of_whom(buyer_id: UUID | None, order_no: str) -> Select[Ticket]:
    """Tickets that a buyer may see, newest first."""
    return _of_whom(buyer_id, order_no).where(Ticket.merged_into.is_(None)).order_by(Ticket.changed_at.desc())


def _of_whom(buyer_id: UUID | None, order_no: str) -> Select[Ticket]:
    mine = Ticket.buyer_id == buyer_id if buyer_id else false()
    granted = Ticket.order_no == order_no if order_no else false()
    return select(Ticket).where(or_(mine, granted))


async def open_about(session: AsyncSession, order_no: str) -> Sequence[Ticket]:
    """The tickets about an order that are not closed, oldest first."""
    found = select(Ticket).where(Ticket.order_no == order_no, Ticket.state != "closed").order_by(Ticket.opened_at)
    return list(await session.scalars(found))


async def about(session: AsyncSession, order_no: str) -> Sequence[Ticket]:
    """All tickets about an order that were not merged, newest first."""
    found = select(Ticket).where(Ticket.order_no == order_no, Ticket.merged_into.is_(None))
    return list(await session.scalars(found.order_by(Ticket.opened_at.desc())))


async def unread(session: AsyncSession, buyer_id: UUID | None, order_no: str = "") -> int:
    """How many tickets hold something that their buyer has not seen."""
    found = await session.scalars(of_whom(buyer_id, order_no).where(Ticket.shop_wrote_at.is_not(None)).limit(50))
    return sum(one.is_unread for one in found)


async def thread(session: AsyncSession, of: Ticket, *, notes: bool = False) -> Thread:
    """The conversation of a ticket from its beginning; `notes` are for the shop's eyes."""
    found = select(Message).where(Message.ticket_id == of.id).order_by(Message.id).limit(MOST_SHOWN)
    said = await session.scalars(found if notes else found.where(Message.author != Author.NOTE))
    return Thread(of, list(said))


async def picture(session: AsyncSession, ticket_id: UUID, name: str) -> bytes:
    """Raises `PictureGone`."""
    found = (await session.execute(PICTURE, {"ticket_id": ticket_id, "name": name})).scalar_one_or_none()
    if found is None:
        raise PictureGone
    return bytes(found)


async def usual_delivery_s(session: AsyncSession, product_id: int) -> float | None:
    """In how many seconds four of five orders of a product were delivered lately; None when there were none."""
    found: Any = (await session.execute(USUAL_DELIVERY, {"product_id": product_id})).scalar_one()
    return None if found is None else float(found)


async def past(session: AsyncSession, buyer_id: UUID, since: datetime) -> Past:
    return Past(*(await session.execute(PAST, {"buyer_id": buyer_id, "since": since})).one())


async def replies(session: AsyncSession) -> Sequence[CannedReply]:
    """All canned replies in the shop's order."""
    return list(await session.scalars(select(CannedReply).order_by(CannedReply.position, CannedReply.id)))


async def canned(session: AsyncSession, reply_id: int) -> CannedReply:
    """Raises `ReplyGone`."""
    found = await session.get(CannedReply, reply_id)
    if found is None:
        raise ReplyGone
    return found
