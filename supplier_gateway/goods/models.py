"""The master catalogue, schema `master`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, FetchedValue, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Good(Base):
    """Something that can be delivered, whoever supplies it."""

    __tablename__ = "goods"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    usage_note: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="active")
    kind: Mapped[str] = mapped_column(default="cards")  # or `topup`
    category: Mapped[str] = mapped_column(default="")
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    fields: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    hand_set: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # what no supplier's word changes
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
