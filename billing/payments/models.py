"""Channels and payments: the same tables in a tenant's schema and in `master`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class PaymentChannel(Base):
    """One merchant account at one gateway. `secret` is sealed (`payment_channels.secret`, `<provider>:<merchant>`)."""

    __tablename__ = "payment_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str]
    name: Mapped[str]
    base_url: Mapped[str]
    merchant_id: Mapped[str]
    secret: Mapped[bytes]
    state: Mapped[str] = mapped_column(default="active")


class Payment(Base):
    """One payment that somebody was asked for. `no` is the gateway's word for it; `subject` the payer's reference."""

    __tablename__ = "payments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    no: Mapped[str]
    buyer_id: Mapped[UUID]
    channel_id: Mapped[int]
    purpose: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    amount_cents: Mapped[int]
    state: Mapped[str] = mapped_column(default="pending")
    provider_no: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    paid_at: Mapped[datetime | None]
