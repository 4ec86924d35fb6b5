"""What an owner sets for the desk as a whole. Tenant session."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.crypto import Sealer
from tenants.settings import service as rooms
from tenants.settings.service import Room


class Settings(Struct, frozen=True, kw_only=True):
    """`person_minutes`: when a person looks at a case for which no rule says so; `due_minutes`: how long he then has.
    `unpaid`: an order that nobody paid in time is a case too. The thresholds of fraud are reached, not exceeded; 0
    switches one off. `alike`: without a named equivalent one of the same category with a common label is offered.
    `hook_url` is told what buyers and suppliers are told."""

    person_minutes: int = 30
    due_minutes: int = 30
    unpaid: bool = True
    fraud_orders: int = 10  # of one contact, account or address within an hour
    fraud_unpaid: int = 5  # orders of a buyer that were not paid, within an hour
    fraud_cents: int = 100_000  # the first order of somebody who has been here for less than a day
    alike: bool = True
    hook_url: str = ""


async def read(session: AsyncSession) -> Settings:
    return of((await rooms.read(session, Room.DESK)).settings)


def of(stored: Mapping[str, Any] | None) -> Settings:
    """What a row says, or what holds where there is none."""
    return msgspec.convert(stored or {}, Settings)


async def save(session: AsyncSession, settings: Settings) -> None:
    await rooms.save(session, Room.DESK, settings)


def hook_secret(sealer: Sealer) -> str:
    """The key with which what goes to `hook_url` is signed. `sealer` is the station's own."""
    return sealer.fingerprint("desk.hook").hex()
