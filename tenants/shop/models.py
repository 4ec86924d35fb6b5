"""Products, tenant schema."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, FetchedValue, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Product(Base):
    """What the station lists: a good of the master, or something of its own, at its own price (yuan for one unit).

    A head (`specs`) is shown and not sold; its variants (`variant_of`) are sold, and have from it all but name, good,
    price, floor, ladder, stock and state.
    """

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    good_id: Mapped[int | None]  # None: the station's own
    name: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    usage_note: Mapped[str] = mapped_column(default="")
    price: Mapped[Decimal]
    min_quantity: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int] = mapped_column(default=10)
    state: Mapped[str] = mapped_column(default="on_sale")
    position: Mapped[int] = mapped_column(default=0)
    category_id: Mapped[int | None]
    variant_of: Mapped[int | None]
    specs: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    spec_values: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    kind: Mapped[str] = mapped_column(default="cards")
    fulfilment: Mapped[str] = mapped_column(default="auto")
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    list_price: Mapped[Decimal | None]
    floor_price: Mapped[Decimal | None]
    ladder: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    fields: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    max_per_buyer: Mapped[int | None]
    max_per_day: Mapped[int | None]
    min_level: Mapped[int] = mapped_column(default=0)
    sale_from: Mapped[datetime | None]
    sale_until: Mapped[datetime | None]
    picking: Mapped[str] = mapped_column(default="first")
    choosable: Mapped[bool] = mapped_column(default=False)
    choice_price: Mapped[Decimal] = mapped_column(default=Decimal(0))
    warn_at: Mapped[int | None]
    sold: Mapped[int] = mapped_column(default=0)
    margin: Mapped[Decimal | None]  # the share of the price that is kept; for sorting only
    sold_out: Mapped[bool] = mapped_column(default=False)  # for sorting only
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    changed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())

    @property
    def is_head(self) -> bool:
        return bool(self.specs)

    @property
    def is_own(self) -> bool:
        """Nothing of the master's: cards of the station, or a person delivers it."""
        return self.good_id is None and not self.specs


class Category(Base):
    """A place on the shelf; places lie within places."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None]
    name: Mapped[str]
    icon: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="shown")
    position: Mapped[int] = mapped_column(default=0)
