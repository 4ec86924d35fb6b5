"""Reading lists that are sorted otherwise than by their key: part by part, by how many rows were read."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Values = Mapping[str, Any]


async def count(session: AsyncSession, sql: str, values: Values, most: int) -> int:
    """How many rows a SELECT has, counted up to `most`."""
    counted = text(f"SELECT count(*) FROM (SELECT 1 FROM ({sql}) met LIMIT :most) counted")  # noqa: S608 - the caller's constant
    return int((await session.execute(counted, {**values, "most": most})).scalar_one())


async def by_offset(
    session: AsyncSession, sql: str, values: Values, after: str, limit: int
) -> tuple[Sequence[Any], str]:
    """Rows of an ordered SELECT from the place `after` on, and the next place. For lists of some ten thousand rows."""
    passed = int(after or 0)
    read = text(f"{sql} LIMIT :part_rows OFFSET :part_from")
    rows = (await session.execute(read, {**values, "part_rows": limit, "part_from": passed})).all()
    return rows, str(passed + len(rows)) if len(rows) == limit else ""


async def by_key(session: AsyncSession, sql: str, values: Values, after: str, limit: int) -> tuple[Sequence[Any], str]:
    """Rows of a SELECT with a column `id`, a UUID, the highest first, below `after`; and the next place."""
    below = " WHERE met.id < CAST(:part_after AS uuid)" if after else ""
    read = text(f"SELECT * FROM ({sql}) met{below} ORDER BY met.id DESC LIMIT :part_rows")  # noqa: S608 - the caller's constant
    asked = {**values, "part_rows": limit, **({"part_after": after} if after else {})}
    rows = (await session.execute(read, asked)).all()
    return rows, str(rows[-1].id) if len(rows) == limit else ""
