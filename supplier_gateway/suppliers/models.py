"""Supplier accounts, schema `master`."""

from datetime import datetime

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base

STOCK = "stock"  # the protocol of the master's own card stock: no wire, sold within the sale's own commit


class Supplier(Base):
    """One account at one supplier. `secret` is sealed (`suppliers.secret`, the account's name)."""

    __tablename__ = "suppliers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    protocol: Mapped[str]
    base_url: Mapped[str] = mapped_column(default="")
    account: Mapped[str] = mapped_column(default="")
    secret: Mapped[bytes | None]
    state: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
