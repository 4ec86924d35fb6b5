"""How well the shop answers. Tenant session."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SPAN_DAYS = 30

# A first answer by template counts as automatic where no person was faster.
OVER_ALL = text(
    """
    SELECT count(*) AS opened,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - opened_at))::float AS first_s,
           avg(rating)::float AS rating, count(rating) AS rated,
           count(*) FILTER (WHERE auto_at <= coalesce(answered_at, auto_at)) AS automatic
    FROM tickets WHERE opened_at >= :since
    """
)
BY_DAY = text(
    """
    SELECT (opened_at AT TIME ZONE :zone)::date AS day, count(*) AS opened,
           count(*) FILTER (WHERE auto_at <= coalesce(answered_at, auto_at)) AS automatic,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - opened_at))::float AS first_s,
           avg(rating)::float AS rating
    FROM tickets WHERE opened_at >= :since GROUP BY 1 ORDER BY 1
    """
)


class Measures(Struct, frozen=True):
    """Of the tickets opened since a moment. `first_s` is the median until a person answered; None where nothing is."""

    opened: int
    first_s: float | None
    rating: float | None
    rated: int
    automatic: int

    @property
    def automatic_share(self) -> float:
        """Of all that were opened, from 0 to 1."""
        return self.automatic / self.opened if self.opened else 0.0


class Day(Struct, frozen=True):
    """The same for the tickets of one day."""

    day: date
    opened: int
    automatic: int
    first_s: float | None
    rating: float | None


async def over_all(session: AsyncSession, since: datetime) -> Measures:
    return Measures(*(await session.execute(OVER_ALL, {"since": since})).one())


async def by_day(session: AsyncSession, since: datetime, zone: str) -> Sequence[Day]:
    """Days of the station on which tickets were opened, oldest first."""
    rows: Any = await session.execute(BY_DAY, {"since": since, "zone": zone})
    return [Day(*row) for row in rows]
