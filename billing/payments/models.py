"""Channels and payments: the same tables in a tenant's schema and in `master`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base

OWN, BY_MASTER = "own", "master"  # whose merchant account takes the money
MOST_CENTS = 5_000_000  # of one payment


class PaymentChannel(Base):
    """One merchant account at one gateway. `secret` is sealed (`payment_channels.secret`, `<provider>:<merchant>`).

    Of `settlement` `master` a station only names the channel, `master_channel_id`: the account is the master's.
    """

    __tablename__ = "payment_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str]
    name: Mapped[str]
    base_url: Mapped[str]
    merchant_id: Mapped[str]
    secret: Mapped[bytes]
    state: Mapped[str] = mapped_column(default="active")
    settlement: Mapped[str] = mapped_column(default=OWN)
    master_channel_id: Mapped[int | None]
    fee_rate: Mapped[Decimal] = mapped_column(default=Decimal(0))  # what the gateway keeps of a payment
    position: Mapped[int] = mapped_column(default=0)
    min_cents: Mapped[int] = mapped_column(default=1)
    max_cents: Mapped[int] = mapped_column(default=MOST_CENTS)
    devices: Mapped[str] = mapped_column(default="all")

    @property
    def is_masters(self) -> bool:
        """Whether the master collects for the station."""
        return self.settlement == BY_MASTER


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
    refunded_cents: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    paid_at: Mapped[datetime | None]
