"""Orders, tenant schema."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base
from tenants.orders.states import FINAL, State


class Order(Base):
    """One product, bought once; a basket is several orders with one `basket_no`. `unit_price` and `wholesale_price` in
    yuan; the cents are what was charged."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    no: Mapped[str]
    buyer_id: Mapped[UUID]
    request_key: Mapped[str]
    product_id: Mapped[int]
    good_id: Mapped[int | None]  # None: the station's own product
    product_name: Mapped[str]
    kind: Mapped[str] = mapped_column(default="cards")
    usage_note: Mapped[str]
    contact: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]
    total_cents: Mapped[int]
    wholesale_price: Mapped[Decimal]
    wholesale_cents: Mapped[int]
    quote: Mapped[str] = mapped_column(default="")  # `tier:<n>` or `special:<n>`: what the wholesale price stands on
    pay_method: Mapped[str]
    basket_no: Mapped[str] = mapped_column(default="")
    inputs: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    discount_cents: Mapped[int] = mapped_column(default=0)
    coupon_id: Mapped[int | None]
    card_id: Mapped[UUID | None]  # the card that the buyer chose
    choice_cents: Mapped[int] = mapped_column(default=0)
    fee_cents: Mapped[int] = mapped_column(default=0)
    settlement: Mapped[str] = mapped_column(default="own")
    delivered_quantity: Mapped[int] = mapped_column(default=0)
    refunded_cents: Mapped[int] = mapped_column(default=0)
    wholesale_back_cents: Mapped[int] = mapped_column(default=0)  # what the master gave back of the wholesale price
    cost_cents: Mapped[int] = mapped_column(default=0)  # what the station's own cards had cost it
    message: Mapped[str] = mapped_column(default="")
    lookup_hash: Mapped[str | None]
    watched: Mapped[bool] = mapped_column(default=False)  # somebody outside is told of each step
    due_at: Mapped[datetime | None]
    state: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    expires_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    flags: Mapped[dict[str, Any]] = mapped_column(JSONB)  # those that the sale was decided on

    @property
    def has_password(self) -> bool:
        """Whether it can be opened by its query password."""
        return self.lookup_hash is not None

    @property
    def final(self) -> bool:
        return State(self.state) in FINAL
