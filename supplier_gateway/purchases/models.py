"""Purchases, schema `master`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, FetchedValue, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kameng.core import clock
from kameng.infra.db import Base
from supplier_gateway.port import Answer, Outcome

DELIVERING = ("delivered", "partial")  # states that have brought something


class Purchase(Base):
    """One buying from one supplier for one order. `submitted` is committed before the wire is touched.

    `cards` are sealed (`purchases.cards`, `<id>:<position>`).
    """

    __tablename__ = "purchases"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    tenant_id: Mapped[int]
    order_ref: Mapped[UUID]
    order_no: Mapped[str]
    good_id: Mapped[int]
    offer_id: Mapped[int]
    supplier_id: Mapped[int]
    sku: Mapped[str]
    quantity: Mapped[int]
    max_unit_cost: Mapped[Decimal]
    kind: Mapped[str] = mapped_column(default="cards")
    inputs: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    state: Mapped[str]
    fault: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    supplier_order_no: Mapped[str] = mapped_column(default="")
    cost_cents: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    delivered_quantity: Mapped[int] = mapped_column(default=0)
    cards: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), default=list)
    lease_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    settled_at: Mapped[datetime | None]

    def answered(self, answer: Answer, cards: list[bytes]) -> None:
        """Takes over what the supplier said. What we do not know stays open."""
        self.state = "unknown" if answer.outcome in (Outcome.UNKNOWN, Outcome.PENDING) else str(answer.outcome)
        self.fault = str(answer.fault or "")
        self.detail = answer.detail[:200]
        self.supplier_order_no = answer.supplier_order_no or self.supplier_order_no
        if self.state != "unknown":
            self.settled_at = clock.now()
        if self.state in DELIVERING:
            self.cost_cents = answer.cost_cents
            self.delivered_quantity = answer.delivered_quantity
            self.message = answer.message
            self.cards = cards
