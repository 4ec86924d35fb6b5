"""Taking pictures, keeping them, and clearing away what nothing shows any more. Tenant session."""

import asyncio

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.branding import drawing, queries
from tenants.branding.drawing import MOST_BYTES, Drawn, Kind
from tenants.branding.errors import PictureGone, Svg, TooLarge, TooManyPictures

MOST_FOR_PAGES = 200
AT_ONCE = 2  # each holds up to 100 MB while it is decoded
PUT = text(
    """
    INSERT INTO pictures (name, kind, width, height, body, large) VALUES (:name, :kind, :width, :height, :body, :large)
    ON CONFLICT (name) DO UPDATE SET created_at = now(),
           kind = CASE WHEN pictures.kind = 'page' THEN 'page' ELSE excluded.kind END
    """
)
COUNT = text("SELECT count(*) FROM pictures WHERE kind = 'page'")
# A day for a picture that was chosen and not saved yet, or is still being written about.
SWEEP = text(
    """
    DELETE FROM pictures p WHERE p.created_at < now() - CASE p.kind WHEN 'page' THEN interval '30 days' ELSE interval
           '1 day' END
      AND NOT EXISTS (SELECT FROM tenants WHERE '/media/' || p.name IN (logo, favicon))
      AND NOT EXISTS (SELECT FROM looks l WHERE '/media/' || p.name IN (l.look ->> 'logo', l.look ->> 'favicon'))
      AND NOT EXISTS (SELECT FROM pages g WHERE position(p.name IN g.body) > 0
                      OR position(p.name IN coalesce(g.before ->> 'body', '')) > 0)
    """
)
DELETE = text("DELETE FROM pictures WHERE name = :name AND kind = 'page' RETURNING name")

_decoding = asyncio.Semaphore(AT_ONCE)


async def draw(sent: bytes, filename: str, kind: Kind, *, is_too_large: bool = False) -> Drawn:
    """What a person sent, drawn anew in a thread. Holds no transaction. Raises one of the `BadPicture`s."""
    if is_too_large or len(sent) > MOST_BYTES:
        raise TooLarge(most_mb=MOST_BYTES // 1024 // 1024)
    if filename.lower().endswith((".svg", ".svgz")):
        raise Svg
    async with _decoding:
        return await asyncio.to_thread(drawing.redraw, sent, kind)


async def put(session: AsyncSession, drawn: Drawn) -> str:
    """Keeps the picture and returns its path. Raises `TooManyPictures`."""
    if drawn.kind == "page" and (await session.execute(COUNT)).scalar_one() >= MOST_FOR_PAGES:
        raise TooManyPictures(most=MOST_FOR_PAGES)
    await session.execute(PUT, msgspec.structs.asdict(drawn))
    return queries.media(drawn.name)


async def delete(session: AsyncSession, name: str) -> None:
    """Takes a picture away from the pages' pictures. Raises `PictureGone`."""
    if (await session.execute(DELETE, {"name": name})).scalar_one_or_none() is None:
        raise PictureGone


async def sweep(session: AsyncSession) -> None:
    """Clears away pictures that no look, no look that can come back, and no page shows."""
    await session.execute(SWEEP)
