"""Doing what the killed may interrupt: tried again until it works, or the time is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg import Error as DriverError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

T = TypeVar("T")

PATIENCE_S = 60.0
PAUSE_S = 0.3
AWAY = (DBAPIError, DriverError, NoConnection, RedisError, OSError)


async def persist(act: Callable[[], Awaitable[T]]) -> T:
    """What `act` gives. It may run several times, a part of it too: it must be harmless to repeat."""
    gives_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await act()
        except AWAY:
            if time.monotonic() > gives_up:
                raise
            await asyncio.sleep(PAUSE_S)
