"""Reading how a station looks. Tenant session."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.branding.errors import PageGone, PictureGone
from tenants.branding.looks import Look

LOOK = "SELECT name, accent, theme, logo, favicon, notice, contact, contacts FROM tenants"
LAST = text("SELECT at, actor FROM looks ORDER BY id DESC LIMIT 1")
PICTURE = text("SELECT body FROM pictures WHERE name = :name")
LARGE = text("SELECT coalesce(large, body) FROM pictures WHERE name = :name")
KNOWN = text("SELECT name FROM pictures WHERE name = ANY(:names)")
PAGE_PICTURES = text(
    """
    SELECT p.name, p.width, p.height, p.created_at,
           EXISTS (SELECT FROM pages g WHERE position(p.name IN g.body) > 0) AS is_used
    FROM pictures p WHERE p.kind = 'page' ORDER BY p.created_at DESC, p.name LIMIT :limit
    """
)
PAGE = "SELECT id, path, title, body, position, state, changed_at, before IS NOT NULL AS can_undo FROM pages"
PAGES = text(f"{PAGE} ORDER BY position, id LIMIT :limit")
ONE = text(f"{PAGE} WHERE id = :id")
PUBLISHED = text(f"{PAGE} WHERE path = :path AND state = 'published'")


class Saved(Struct, frozen=True):
    """When the look was saved last, and by whom."""

    at: datetime
    actor: str


class PagePicture(Struct, frozen=True):
    """A picture that pages may show."""

    name: str
    width: int
    height: int
    created_at: datetime
    is_used: bool

    @property
    def path(self) -> str:
        return media(self.name)


class CustomPage(Struct, frozen=True):
    """A page of the owner's; `body` is Markdown."""

    id: int
    path: str
    title: str
    body: str
    position: int
    state: Literal["draft", "published"]
    changed_at: datetime
    can_undo: bool


def media(name: str) -> str:
    """Where a picture is served, on the station's own hosts."""
    return f"/media/{name}"


async def look(session: AsyncSession, *, lock: bool = False) -> Look:
    """How the station looks now; with `lock` nobody else changes it until the transaction ends."""
    row = await session.execute(text(LOOK + (" FOR NO KEY UPDATE" if lock else "")))
    return msgspec.convert(dict(row.mappings().one()), Look)


async def last_save(session: AsyncSession) -> Saved | None:
    """The save that can be undone, or None."""
    row = (await session.execute(LAST)).mappings().one_or_none()
    return Saved(**row) if row else None


async def picture(session: AsyncSession, name: str, *, large: bool = False) -> bytes:
    """Raises `PictureGone`."""
    found = (await session.execute(LARGE if large else PICTURE, {"name": name})).scalar_one_or_none()
    if found is None:
        raise PictureGone
    return bytes(found)


async def known(session: AsyncSession, names: Sequence[str]) -> set[str]:
    """Which of these pictures there are."""
    return set((await session.execute(KNOWN, {"names": list(names)})).scalars())


async def page_pictures(session: AsyncSession, limit: int) -> Sequence[PagePicture]:
    """Newest first."""
    return [PagePicture(**row) for row in (await session.execute(PAGE_PICTURES, {"limit": limit})).mappings()]


async def pages(session: AsyncSession, limit: int) -> Sequence[CustomPage]:
    """All of them, drafts too, in the owner's order."""
    return [CustomPage(**row) for row in (await session.execute(PAGES, {"limit": limit})).mappings()]


async def page(session: AsyncSession, page_id: int) -> CustomPage:
    """Raises `PageGone`."""
    row = (await session.execute(ONE, {"id": page_id})).mappings().one_or_none()
    if row is None:
        raise PageGone
    return CustomPage(**row)


async def published(session: AsyncSession, path: str) -> CustomPage:
    """What a buyer may read. Raises `PageGone`."""
    row = (await session.execute(PUBLISHED, {"path": path})).mappings().one_or_none()
    if row is None:
        raise PageGone
    return CustomPage(**row)
