"""Saved views: how somebody looks at a list, under a name. Tenant session."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.lists.errors import TooManyViews, ViewExists, ViewGone

MOST = 20  # of one person and list
LONGEST_QUERY = 2_000

SHOWN = text(
    """
    SELECT id, name, query, is_shared, made_by, staff_id = :staff_id AS is_mine FROM list_views
    WHERE list = :list AND (staff_id = :staff_id OR is_shared) ORDER BY is_shared, name, id LIMIT 100
    """
)
COUNT = text("SELECT count(*) FROM list_views WHERE list = :list AND staff_id = :staff_id")
ADD = text(
    """
    INSERT INTO list_views (list, staff_id, name, query, is_shared, made_by)
    VALUES (:list, :staff_id, :name, CAST(:query AS jsonb), :is_shared, :made_by)
    ON CONFLICT (list, staff_id, name) DO NOTHING RETURNING id
    """
)
DELETE = text(
    "DELETE FROM list_views WHERE id = :id AND list = :list AND (staff_id = :staff_id OR is_shared AND :any_shared)"
    " RETURNING name"
)


class View(Struct, frozen=True):
    """`query` is what the list's address says, but for the page."""

    id: int
    name: str
    query: Mapping[str, str]
    is_shared: bool
    made_by: str
    is_mine: bool


async def shown(session: AsyncSession, which: str, staff_id: UUID) -> Sequence[View]:
    """A person's views of a list, then those that others share."""
    return [View(*row) for row in await session.execute(SHOWN, {"list": which, "staff_id": staff_id})]


async def add(
    session: AsyncSession,
    which: str,
    staff_id: UUID,
    made_by: str,
    name: str,
    query: Mapping[str, str],
    *,
    is_shared: bool = False,
) -> int:
    """Keeps a view. Raises `ViewExists`, `TooManyViews`."""
    whose = {"list": which, "staff_id": staff_id}
    if (await session.execute(COUNT, whose)).scalar_one() >= MOST:
        raise TooManyViews(most=MOST)
    said = {"name": name, "query": msgspec.json.encode(query).decode(), "is_shared": is_shared, "made_by": made_by}
    added = (await session.execute(ADD, whose | said)).scalar_one_or_none()
    if added is None:
        raise ViewExists(field="name")
    return int(added)


async def delete(session: AsyncSession, which: str, view_id: int, staff_id: UUID, *, any_shared: bool = False) -> str:
    """Deletes a person's own view, or (`any_shared`) one that somebody shares. Returns its name. Raises `ViewGone`."""
    named = {"id": view_id, "list": which, "staff_id": staff_id, "any_shared": any_shared}
    name = (await session.execute(DELETE, named)).scalar_one_or_none()
    if name is None:
        raise ViewGone
    return str(name)
