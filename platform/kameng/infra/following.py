"""Running followers: what a worker does about the outbox rows that it is told of.

A row is deleted after its follower has returned. When that raises, the row waits with a growing delay; when the process
is killed, the relay sends the row again. Rows are read and deleted many at a time, since a transaction costs more than
a row: that they are deleted a little later only means that they may be followed once more.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
import structlog

from kameng.infra import outbox, tasks
from kameng.infra.outbox import Letter
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Follower, Later
from kameng.infra.together import Together

log = structlog.get_logger()

AT_ONCE = 256  # followers of one queue that run at the same time; more wait, in no other queue's way
READ_PAUSE_S = 0.02
DONE_PAUSE_S = 0.1  # well below the time after which the relay sends a row again


class Following:
    """The followers that run in this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._rows: set[UUID] = set()  # what is being followed; the relay sends a row again while it takes long
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._letters: Together[UUID, Letter] = Together(self._fetch, pause_s=READ_PAUSE_S)
        self._ended: Together[UUID, None] = Together(self._done, pause_s=DONE_PAUSE_S)

    @property
    def running(self) -> int:
        """How many rows it has in hand."""
        return len(self._rows)

    async def follow(self, outbox_id: UUID, name: str) -> None:
        """Runs a follower for a row when there is room, unless it is already running for it."""
        if outbox_id in self._rows:
            return
        follower = tasks.followers[name]
        self._rows.add(outbox_id)
        try:
            async with self._slots[follower.queue]:
                letter = await self._letters.ask(outbox_id)
                if letter is not None:
                    await self._run(outbox_id, letter, follower)
        finally:
            self._rows.discard(outbox_id)

    async def _run(self, outbox_id: UUID, letter: Letter, follower: Follower) -> None:
        event = msgspec.convert(letter.payload, follower.event, strict=False)
        runtime = self._runtime
        with structlog.contextvars.bound_contextvars(
            task=follower.name, tenant=letter.tenant_id, trace_id=letter.trace_id, outbox_id=str(outbox_id)
        ):
            try:
                tenant = await runtime.directory.tenant(letter.tenant_id) if letter.tenant_id is not None else None
                await follower.body(event, tenant, runtime)
            except Later as later:
                log.info("follower_waits", delay_s=later.delay_s, why=str(later))
                async with runtime.database.master_session() as session:
                    await outbox.postpone(session, outbox_id, later.delay_s, str(later))
                return
            except Exception as error:
                log.exception("follower_failed")
                async with runtime.database.master_session() as session:
                    await outbox.remember_error(session, outbox_id, repr(error))
                return
            await self._ended.ask(outbox_id)

    async def _fetch(self, rows: Sequence[UUID]) -> Mapping[UUID, Letter]:
        async with self._runtime.database.master_session() as session:
            return await outbox.fetch(session, rows)

    async def _done(self, rows: Sequence[UUID]) -> Mapping[UUID, None]:
        async with self._runtime.database.master_session() as session:
            await outbox.done(session, rows)
        return {}
