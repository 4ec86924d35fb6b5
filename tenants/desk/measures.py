"""How well exceptions are solved. Tenant session. Only cases with a buyer's money in them count: an order that nobody
paid costs nobody anything, and would flatter the share."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SPAN_DAYS = 30

FIGURES = """
    count(*) AS opened, count(*) FILTER (WHERE state = 'solved') AS solved,
    count(*) FILTER (WHERE state = 'solved' AND touched_at IS NULL) AS alone,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM solved_at - opened_at))::float AS p50_s,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM solved_at - opened_at))::float AS p90_s
"""
OVER_ALL = text(f"SELECT {FIGURES} FROM desk_cases WHERE opened_at >= :since AND has_money")  # noqa: S608 - as above
BY_KIND = text(
    f"SELECT kind AS of, {FIGURES} FROM desk_cases"  # noqa: S608 - as above
    " WHERE opened_at >= :since AND has_money GROUP BY 1 ORDER BY 2 DESC, 1"
)
BY_DAY = text(
    f"SELECT (opened_at AT TIME ZONE :zone)::date AS of, {FIGURES} FROM desk_cases"  # noqa: S608
    " WHERE opened_at >= :since AND has_money GROUP BY 1 ORDER BY 1"
)
EXPORT = text(
    """
    SELECT order_no, kind, cause, has_money, opened_at, touched_at, solved_at, solution, solved_by, assigned_name,
           extract(epoch FROM solved_at - opened_at)::bigint AS seconds
    FROM desk_cases WHERE opened_at >= :since ORDER BY opened_at, id LIMIT :limit
    """
)
MOST_EXPORTED = 50_000


class Figures(Struct, frozen=True):
    """Of the cases opened in a time. `alone`: solved without a person; times in seconds from opening to solving."""

    opened: int
    solved: int
    alone: int
    p50_s: float | None
    p90_s: float | None

    @property
    def share_alone(self) -> float:
        """Of what was solved, from 0 to 1."""
        return self.alone / self.solved if self.solved else 0.0


async def over_all(session: AsyncSession, since: datetime) -> Figures:
    return Figures(*(await session.execute(OVER_ALL, {"since": since})).one())


async def by_kind(session: AsyncSession, since: datetime) -> Sequence[tuple[str, Figures]]:
    """Most frequent first."""
    return [(row[0], Figures(*row[1:])) for row in await session.execute(BY_KIND, {"since": since})]


async def by_day(session: AsyncSession, since: datetime, zone: str) -> Sequence[tuple[date, Figures]]:
    """Days of the station on which cases were opened, oldest first."""
    return [(row[0], Figures(*row[1:])) for row in await session.execute(BY_DAY, {"since": since, "zone": zone})]


async def lines(session: AsyncSession, since: datetime) -> Sequence[Any]:
    """Every case, for a file; those without money too."""
    return (await session.execute(EXPORT, {"since": since, "limit": MOST_EXPORTED})).all()
