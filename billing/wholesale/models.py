"""Tiers and their prices, schema `master`."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Tier(Base):
    """A price level that the master gives to tenants."""

    __tablename__ = "tiers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    rank: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class TierPrice(Base):
    """Yuan for one unit of a good in a tier."""

    __tablename__ = "tier_prices"

    tier_id: Mapped[int] = mapped_column(primary_key=True)
    good_id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[Decimal]
    changed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
