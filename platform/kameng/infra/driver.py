"""psycopg's own connection of a session, for the statements that are run so often that mapping them costs too much."""

from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

DRIVER = "driver"  # key in session.info


def driver(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    """psycopg's connection of a session, inside its transaction: for the few statements on the hot path, where mapping
    by SQLAlchemy costs more than the statement. Errors are psycopg's own."""
    found: psycopg.AsyncConnection[Any] = session.info[DRIVER]
    return found
