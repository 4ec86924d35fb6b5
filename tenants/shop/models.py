"""Products, tenant schema."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Product(Base):
    """What the station lists: a good of the master at the station's own price (yuan for one unit)."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    good_id: Mapped[int]
    name: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    usage_note: Mapped[str] = mapped_column(default="")
    price: Mapped[Decimal]
    min_quantity: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int] = mapped_column(default=10)
    state: Mapped[str] = mapped_column(default="on_sale")
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    changed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
