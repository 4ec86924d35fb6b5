"""Pages that an owner writes: who we are, questions, rules. Tenant session; call `directory.forget()` after the commit,
because every page of the shop links to them."""

from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.branding import pictures, queries
from tenants.branding.errors import NothingToUndo, PageGone, PathTaken, TooManyPages
from tenants.branding.queries import CustomPage

MOST = 30
COUNT = text("SELECT count(*) FROM pages")
INSERT = text(
    "INSERT INTO pages (path, title, body, position, state) VALUES (:path, :title, :body, :position, :state)"
    " RETURNING id"
)
# What the row held goes into `before`; the right-hand sides of an UPDATE see the row as it was.
CHANGE = text(
    """
    UPDATE pages SET path = :path, title = :title, body = :body, position = :position, state = :state,
           changed_at = now(),
           before = jsonb_build_object('path', path, 'title', title, 'body', body, 'position', position, 'state', state)
    WHERE id = :id
    """
)
UNDO = text(
    """
    UPDATE pages SET path = before ->> 'path', title = before ->> 'title', body = before ->> 'body',
           position = (before ->> 'position')::int, state = before ->> 'state', before = NULL, changed_at = now()
    WHERE id = :id AND before IS NOT NULL RETURNING title
    """
)
DELETE = text("DELETE FROM pages WHERE id = :id RETURNING title")
FOOTER = text(
    """
    UPDATE tenants SET footer = (
        SELECT coalesce(jsonb_agg(jsonb_build_object('path', path, 'title', title) ORDER BY position, id), '[]')
        FROM pages WHERE state = 'published')
    """
)


class PageDraft(Struct, frozen=True, kw_only=True):
    """What the owner writes. `path` is small letters, digits and hyphens; `body` is Markdown."""

    path: str
    title: str
    body: str = ""
    position: int = 0
    state: Literal["draft", "published"] = "draft"

    def is_as(self, page: CustomPage) -> bool:
        """Whether the page says this already."""
        return all(getattr(page, name) == getattr(self, name) for name in self.__struct_fields__)


async def add(session: AsyncSession, draft: PageDraft) -> int:
    """Returns the page's number. Raises `PathTaken`, `TooManyPages`."""
    if (await session.execute(COUNT)).scalar_one() >= MOST:
        raise TooManyPages(most=MOST)
    try:
        added = await session.execute(INSERT, msgspec.structs.asdict(draft))
    except IntegrityError:
        raise PathTaken(field="path") from None
    await _after(session)
    return int(added.scalar_one())


async def change(session: AsyncSession, page_id: int, draft: PageDraft) -> CustomPage:
    """Returns the page as it was; one that is saved unchanged stays as it is. Raises `PageGone`, `PathTaken`."""
    before = await queries.page(session, page_id)
    if draft.is_as(before):
        return before
    try:
        await session.execute(CHANGE, msgspec.structs.asdict(draft) | {"id": page_id})
    except IntegrityError:
        raise PathTaken(field="path") from None
    await _after(session)
    return before


async def undo(session: AsyncSession, page_id: int) -> CustomPage:
    """Takes the last save of a page back. Raises `PageGone`, `NothingToUndo`, `PathTaken`."""
    await queries.page(session, page_id)
    try:
        undone = (await session.execute(UNDO, {"id": page_id})).scalar_one_or_none()
    except IntegrityError:
        raise PathTaken from None
    if undone is None:
        raise NothingToUndo
    await _after(session)
    return await queries.page(session, page_id)


async def delete(session: AsyncSession, page_id: int) -> str:
    """Returns its title. Raises `PageGone`."""
    title = (await session.execute(DELETE, {"id": page_id})).scalar_one_or_none()
    if title is None:
        raise PageGone
    await _after(session)
    return str(title)


async def _after(session: AsyncSession) -> None:
    await session.execute(FOOTER)
    await pictures.sweep(session)
