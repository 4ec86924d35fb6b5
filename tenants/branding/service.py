"""Saving a look, and taking the last save back. Tenant session; call `directory.forget()` after the commit."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid
from tenants.branding import pictures, queries
from tenants.branding.errors import NothingToUndo, PictureGone
from tenants.branding.looks import Look, changes, check_accent

STEPS_BACK = 5
KEEP = text("INSERT INTO looks (look, actor) VALUES (CAST(:look AS jsonb), :actor)")
DROP_OLD = text("DELETE FROM looks WHERE id <= (SELECT id FROM looks ORDER BY id DESC OFFSET :kept LIMIT 1)")
TAKE_NEWEST = text("DELETE FROM looks WHERE id = (SELECT max(id) FROM looks) RETURNING look")
WRITE = text(
    """
    UPDATE tenants SET name = :name, accent = :accent, theme = :theme, logo = :logo, favicon = :favicon,
           notice = :notice, contact = :contact, contacts = CAST(:contacts AS jsonb)
    """  # row-level security leaves this session one row
)


async def save(session: AsyncSession, wanted: Look, actor: str) -> Look:
    """Puts `wanted` in place and keeps what it replaces; returns that. Nothing is kept of a save that changes nothing.

    Raises `WeakAccent` for a new accent that cannot be seen, `Invalid` for a picture that is not there.
    """
    before = await queries.look(session, lock=True)
    if wanted == before:
        return before
    if wanted.accent != before.accent:
        check_accent(wanted.accent)
    await _check_pictures(session, wanted)
    await session.execute(KEEP, {"look": msgspec.json.encode(before).decode(), "actor": actor})
    await session.execute(DROP_OLD, {"kept": STEPS_BACK})
    await _write(session, wanted)
    await pictures.sweep(session)
    return before


async def undo(session: AsyncSession) -> tuple[Look, Look]:
    """Takes the last save back; returns the look before and after. Raises `NothingToUndo`."""
    before = await queries.look(session, lock=True)
    kept = (await session.execute(TAKE_NEWEST)).scalar_one_or_none()
    if kept is None:
        raise NothingToUndo
    after = msgspec.convert(kept, Look)
    await _write(session, after)
    await pictures.sweep(session)
    return before, after


async def _check_pictures(session: AsyncSession, wanted: Look) -> None:
    named = {field: getattr(wanted, field).rpartition("/")[2] for field in ("logo", "favicon")}
    there = await queries.known(session, [name for name in named.values() if name])
    if gone := [field for field, name in named.items() if name and name not in there]:
        raise Invalid(dict.fromkeys(gone, PictureGone.message))


async def _write(session: AsyncSession, look: Look) -> None:
    values = msgspec.structs.asdict(look) | {"contacts": msgspec.json.encode(look.contacts).decode()}
    await session.execute(WRITE, values)


__all__ = ["changes", "save", "undo"]
