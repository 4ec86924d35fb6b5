"""The pool of connections to PostgreSQL.

A connection stays open, for SQLAlchemy too, between two transactions: taking it and giving it back is a list and a
counter, where SQLAlchemy's own pool costs more processor time than BEGIN and COMMIT do (docs/adr/0032).
"""

import asyncio
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Pooled:
    """One connection: SQLAlchemy's, and psycopg's within it. `served`: the search paths that it has had."""

    __slots__ = ("connection", "driver", "served")

    def __init__(self, connection: AsyncConnection, driver: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self.driver = driver
        self.served: set[str] = set()

    @property
    def is_clean(self) -> bool:
        """Whether it is between two transactions: the next one may then take it as it is."""
        return self.driver.pgconn.transaction_status == TransactionStatus.IDLE and not self.connection.in_transaction()


class Connections:
    """At most `size` connections of an engine that pools none itself. The one used last is taken first: what its
    backend knows is then still in the processor's caches, and those that are not needed stay idle."""

    def __init__(self, engine: AsyncEngine, size: int, *, wait_s: float) -> None:
        self.engine = engine
        self.size = size
        self.wait_s = wait_s
        self._idle: list[Pooled] = []
        self._free = asyncio.Semaphore(size)
        self._is_closed = False

    async def take(self) -> Pooled:
        """A connection between two transactions; whoever takes it gives it back or drops it. Raises what connecting
        raises, and `PoolExhausted` when none is free for `wait_s`."""
        await self._wait()
        if self._idle:
            return self._idle.pop()
        try:
            return await self._open()
        except BaseException:
            self._free.release()
            raise

    async def give_back(self, pooled: Pooled) -> None:
        """To the pool if it is between two transactions; whatever else has become of it, nobody meets it again."""
        if self._is_closed or not pooled.is_clean:
            await self.drop(pooled)
            return
        self._idle.append(pooled)
        self._free.release()

    async def drop(self, pooled: Pooled) -> None:
        """Closes it; another is opened in its place when one is needed."""
        try:
            await asyncio.shield(_close(pooled))  # also when the caller has been cancelled
        finally:
            self._free.release()

    async def close(self) -> None:
        """Closes what is idle now, and what is in use when it is given back."""
        self._is_closed = True
        while self._idle:
            await _close(self._idle.pop())
        await self.engine.dispose()

    async def _wait(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self.wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise PoolExhausted(
                f"all {self.size} connections to the database were in use for {self.wait_s} s"
            ) from None

    async def _open(self) -> Pooled:
        connection = await self.engine.connect()
        fairy = connection.sync_connection
        driver = fairy.connection.driver_connection if fairy is not None else None
        if driver is None:
            raise ConnectionError("the driver gave a connection that is closed")
        return Pooled(connection, driver)


async def _close(pooled: Pooled) -> None:
    """Ends it on the wire first: the server rolls an open transaction back, and nobody has to wait for it."""
    with suppress(SQLAlchemyError, psycopg.Error, OSError):
        await pooled.connection.invalidate()
    with suppress(SQLAlchemyError, psycopg.Error, OSError):
        await pooled.connection.close()
