"""Cases and rules, tenant schema."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Case(Base):
    """An exception of an order; each kind once."""

    __tablename__ = "desk_cases"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    order_no: Mapped[str]
    buyer_id: Mapped[UUID]
    kind: Mapped[str]
    cause: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    has_money: Mapped[bool]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    opened_at: Mapped[datetime]
    person_at: Mapped[datetime]
    due_at: Mapped[datetime]
    assigned_to: Mapped[UUID | None]
    assigned_name: Mapped[str] = mapped_column(default="")
    touched_at: Mapped[datetime | None]
    solved_at: Mapped[datetime | None]
    solution: Mapped[str] = mapped_column(default="")
    solved_by: Mapped[str] = mapped_column(default="")

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    def is_overdue(self, now: datetime) -> bool:
        return self.is_open and self.due_at < now

    def wants_person(self, now: datetime) -> bool:
        """Whether the rules have had their time."""
        return self.is_open and self.person_at <= now


class Rule(Base):
    """On which cases, what, and when."""

    __tablename__ = "desk_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(default="")
    ready: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="off")
    condition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    action: Mapped[str]
    after_minutes: Mapped[int] = mapped_column(default=0)
    due_minutes: Mapped[int] = mapped_column(default=30)
    most_cents: Mapped[int | None]
    text: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())

    @property
    def is_on(self) -> bool:
        return self.state == "on"


class Message(Base):
    """What a buyer was told of an order."""

    __tablename__ = "order_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    kind: Mapped[str]
    body: Mapped[str]
    sent_at: Mapped[datetime]
    channel: Mapped[str] = mapped_column(default="page")
    automatic: Mapped[bool]
    made_by: Mapped[str] = mapped_column(default="")
    failure: Mapped[str] = mapped_column(default="")
    key: Mapped[str] = mapped_column(default="")
