"""Tickets, tenant schema."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, FetchedValue, Text
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base
from tenants.aftersale.states import State


class Ticket(Base):
    """One conversation of a buyer with the shop, about an order or about nothing he bought."""

    __tablename__ = "tickets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    no: Mapped[str]
    buyer_id: Mapped[UUID]
    order_id: Mapped[UUID | None]
    order_no: Mapped[str] = mapped_column(default="")
    kind: Mapped[str]
    subject: Mapped[str]
    contact: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default=State.OPEN.value)
    assigned_to: Mapped[UUID | None]
    assigned_name: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    shop_wrote_at: Mapped[datetime | None]
    buyer_seen_at: Mapped[datetime | None]
    auto_at: Mapped[datetime | None]
    auto_window: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(default="")
    rating: Mapped[int | None]
    rating_words: Mapped[str] = mapped_column(default="")
    merged_into: Mapped[UUID | None]

    @property
    def is_closed(self) -> bool:
        return self.state == State.CLOSED

    @property
    def is_unread(self) -> bool:
        """Whether the shop has written something that the buyer has not seen."""
        return self.shop_wrote_at is not None and (
            self.buyer_seen_at is None or self.buyer_seen_at < self.shop_wrote_at
        )

    @property
    def can_be_rated(self) -> bool:
        return self.is_closed and self.rating is None and self.merged_into is None

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at < now


class Message(Base):
    """What somebody wrote. `pictures` are names in `ticket_pictures`."""

    __tablename__ = "ticket_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    author: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    body: Mapped[str]
    pictures: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)


class CannedReply(Base):
    """A text with places that is ready to be sent."""

    __tablename__ = "canned_replies"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    used: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
