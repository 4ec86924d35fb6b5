"""Offers, schema `master`."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ARRAY, FetchedValue, Text
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Offer(Base):
    """One supplier's version of a good. `cost` in yuan for one unit; `stock` None when it is not told. `hand_set` names
    what no supplier's word changes."""

    __tablename__ = "offers"

    id: Mapped[int] = mapped_column(primary_key=True)
    good_id: Mapped[int]
    supplier_id: Mapped[int]
    sku: Mapped[str] = mapped_column(default="")
    cost: Mapped[Decimal]
    stock: Mapped[int | None]
    priority: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="active")
    hand_set: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    mode: Mapped[str] = mapped_column(default="cached")
    warn_at: Mapped[int | None]
    priced_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
