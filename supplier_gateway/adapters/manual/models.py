"""What a person has to deliver, schema `master`."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ARRAY, FetchedValue, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kameng.core import clock
from kameng.infra.db import Base


class ManualTask(Base):
    """One purchase of a supplier of the protocol `manual`. `cards` are sealed (`manual_tasks.cards`,
    `<reference>:<position>`)."""

    __tablename__ = "manual_tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    supplier_id: Mapped[int]
    reference: Mapped[str]
    sku: Mapped[str]
    quantity: Mapped[int]
    kind: Mapped[str]
    inputs: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    max_unit_cost: Mapped[Decimal]
    state: Mapped[str] = mapped_column(default="open")
    claimed_by: Mapped[str] = mapped_column(default="")
    claimed_at: Mapped[datetime | None]
    cards: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), default=list)
    delivered_quantity: Mapped[int] = mapped_column(default=0)
    cost_cents: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str] = mapped_column(default="")

    def settle(self, state: str, person: str) -> None:
        self.state, self.settled_at, self.settled_by = state, clock.now(), person
