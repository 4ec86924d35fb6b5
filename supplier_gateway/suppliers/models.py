"""Supplier accounts, schema `master`."""

from datetime import datetime

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base

STOCK = "stock"  # the protocol of the master's own card stock: no wire, sold within the sale's own commit


class Supplier(Base):
    """One account at one supplier. `secret` is sealed (`suppliers.secret`, the account's name), and so is the one
    that it had before. `balance_cents` is what the supplier told at `balance_at`."""

    __tablename__ = "suppliers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    protocol: Mapped[str]
    base_url: Mapped[str] = mapped_column(default="")
    account: Mapped[str] = mapped_column(default="")
    secret: Mapped[bytes | None]
    state: Mapped[str] = mapped_column(default="active")
    callback_token: Mapped[str] = mapped_column(server_default=FetchedValue())
    secret_before: Mapped[bytes | None]
    secret_changed_at: Mapped[datetime | None]
    low_balance_cents: Mapped[int | None]
    balance_cents: Mapped[int | None]
    balance_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())

    @property
    def runs_low(self) -> bool:
        """Whether people are to be warned of the balance."""
        low, has = self.low_balance_cents, self.balance_cents
        return low is not None and has is not None and has < low
