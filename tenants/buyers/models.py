"""Buyers, tenant schema."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from kameng.infra.db import Base


class Buyer(Base):
    """An account of this station. A guest has a wallet and orders but no login; both are tied to his browser."""

    __tablename__ = "buyers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    login: Mapped[str | None]
    name: Mapped[str] = mapped_column(default="")
    contact: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
