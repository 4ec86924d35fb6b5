"""Tiers and their prices, schema `master`."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Tier(Base):
    """A price level that the master gives to tenants; the lowest rank is the best. `default_rule` prices goods that
    have no price of their own in it; a month's turnover of `upgrade_cents` brings a tenant into it."""

    __tablename__ = "tiers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    rank: Mapped[int] = mapped_column(default=0)
    default_rule: Mapped[str] = mapped_column(default="")
    upgrade_cents: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class TierPrice(Base):
    """Yuan for one unit of a good in a tier, and the rule that the figure follows. No price: kept from the tier."""

    __tablename__ = "tier_prices"

    tier_id: Mapped[int] = mapped_column(primary_key=True)
    good_id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[Decimal | None]
    rule: Mapped[str] = mapped_column(default="")
    is_default: Mapped[bool] = mapped_column(default=False)
    min_resale: Mapped[Decimal | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
