"""Offers, schema `master`."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Offer(Base):
    """One supplier's version of a good. `cost` in yuan for one unit; `stock` None when it is not told."""

    __tablename__ = "offers"

    id: Mapped[int] = mapped_column(primary_key=True)
    good_id: Mapped[int]
    supplier_id: Mapped[int]
    sku: Mapped[str] = mapped_column(default="")
    cost: Mapped[Decimal]
    stock: Mapped[int | None]
    priority: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="active")
    checked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
