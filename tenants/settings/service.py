"""What a room of the station is set to, and what it notes beside that. Tenant session.

`settings` are the owner's, saved as a whole by a form. `notes` are the room's own: small, never searched, changed key
by key, by whoever holds the room's lock.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

READ = "SELECT settings, notes FROM room_settings WHERE room = :room"
PLAIN, LOCKED = text(READ), text(f"{READ} FOR NO KEY UPDATE")
SAVE = text("UPDATE room_settings SET settings = CAST(:settings AS jsonb) WHERE room = :room")
NOTE = text("UPDATE room_settings SET notes = notes || CAST(:notes AS jsonb) WHERE room = :room")


class Room(StrEnum):
    """Each has its row from the migration that brought the room."""

    AFTERSALE = "aftersale"
    DESK = "desk"
    LISTING = "listing"
    PRICING = "pricing"


class Kept(Struct, frozen=True):
    """A room's row."""

    settings: Mapping[str, Any]
    notes: Mapping[str, Any]


async def read(session: AsyncSession, room: Room, *, lock: bool = False) -> Kept:
    """With `lock` nobody else locks or changes it until the transaction ends."""
    row = (await session.execute(LOCKED if lock else PLAIN, {"room": room})).one()
    return Kept(row.settings, row.notes)


async def save(session: AsyncSession, room: Room, settings: Struct) -> None:
    await session.execute(SAVE, {"room": room, "settings": msgspec.json.encode(settings).decode()})


async def note(session: AsyncSession, room: Room, **notes: object) -> None:
    """Replaces these keys, and leaves the others. Lock the room before reading what is written here."""
    await session.execute(NOTE, {"room": room, "notes": msgspec.json.encode(notes).decode()})
