"""What goes wrong while buyers buy, drawn from a seed: suppliers, the gateway, messages, processes that are killed."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from sqlalchemy import text

from deploy.chaos import station
from deploy.chaos.database import Cache, Database
from deploy.chaos.outside import ACG, Outside, Supplier
from deploy.chaos.patience import AWAY
from deploy.chaos.station import Station
from deploy.supervisor import Supervisor
from kameng.infra.outbox import Sent
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import WORK
from supplier_gateway.adapters.staging.faults import Call, Chance, Fault, FaultKind, Plan

KILLS = ("web", "worker", "worker", "scheduler", "database", "cache")
CHANGES_EVERY_S = 3.0
LETTERS = text("SELECT id, follower FROM outbox ORDER BY due_at LIMIT 60")
LATENCY_MS = 20
BEYOND_MS = 700  # over the time that a call has, and well before nobody counts on it any more
# Kinds that its protocol has no words for, or whose lie could not be told from the truth.
NEVER_AT_ACG = {
    FaultKind.PENDING, FaultKind.FAILS_LATER, FaultKind.CALLBACK_TWICE, FaultKind.CALLBACK_OUT_OF_ORDER,
}  # fmt: skip
QUICK = {FaultKind.PENDING, FaultKind.FAILS_LATER, FaultKind.CALLBACK_TWICE, FaultKind.CALLBACK_OUT_OF_ORDER}
PART_SHARE, TIMEOUT_SHARE, OTHER_SHARE = 0.1, 0.3, 0.02


def plan_of(supplier: Supplier, dice: Random) -> Plan:
    """Everything that may go wrong at once: parts and silence often, each other thing now and then. The first that
    strikes counts."""
    kinds = [kind for kind in FaultKind if supplier.protocol != ACG or kind not in NEVER_AT_ACG]
    silent = (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER_SUCCESS, FaultKind.SLOW)
    chances = [Chance(_fault(FaultKind.PARTIAL, Call.BUY, dice), PART_SHARE)]
    chances += [Chance(_fault(kind, Call.ANY, dice), TIMEOUT_SHARE) for kind in silent]
    chances += [Chance(_fault(kind, Call.BUY, dice), OTHER_SHARE) for kind in kinds]
    chances += [Chance(_fault(kind, Call.FIND, dice), OTHER_SHARE) for kind in kinds if kind not in QUICK]
    return Plan(latency_ms=LATENCY_MS, chances=chances, seed=dice.randrange(2**32))


def _fault(kind: FaultKind, call: Call, dice: Random) -> Fault:
    delay_ms = dice.randrange(200, 2_000) if kind in QUICK else BEYOND_MS
    return Fault(kind, on=call, count=None, delay_ms=delay_ms, acted=dice.random() < 0.5)


class Weather:
    """Storms and calms over one installation."""

    def __init__(
        self, runtime: Runtime, outside: Outside, supervisor: Supervisor, database: Database, cache: Cache
    ) -> None:
        self._runtime = runtime
        self._outside = outside
        self._supervisor = supervisor
        self._servers: dict[str, Database | Cache] = {"database": database, "cache": cache}
        self.kills: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    async def storm(self, dice: Random, for_s: float, stations: Sequence[Station]) -> None:
        """Everything at once for so long. Afterwards all processes run again."""
        await asyncio.gather(
            self._outages(dice, for_s, stations), self._messages(dice, for_s), self._killing(dice, for_s)
        )

    async def calm(self) -> None:
        """Suppliers and gateway are well again."""
        for supplier in self._outside.suppliers:
            await self._outside.stage(supplier, Plan())
        await self._outside.notify("on")

    async def _outages(self, dice: Random, for_s: float, stations: Sequence[Station]) -> None:
        """The suppliers' and the gateway's moods; and an operator who does not believe in breakers, so that suppliers
        are asked, and silent, all the time."""
        ends = time.monotonic() + for_s
        while time.monotonic() < ends:
            for supplier in self._outside.suppliers:
                await self._outside.stage(supplier, plan_of(supplier, dice))
            mode = dice.choice(("on", "off", "twice", "twice", "delayed"))
            self.faults[f"notices_{mode}"] += mode != "on"
            await self._outside.notify(mode, dice.randrange(500, 3_000))
            with suppress(*AWAY):
                await station.close_breakers(self._runtime, stations)
            await asyncio.sleep(CHANGES_EVERY_S)

    async def _messages(self, dice: Random, for_s: float) -> None:
        """Messages come twice, come when their work is long done, and get lost."""
        ends = time.monotonic() + for_s
        old: list[Sent] = []
        while time.monotonic() < ends:
            await asyncio.sleep(1.0)
            try:
                async with self._runtime.database.master_session() as session:
                    seen = [Sent(row.id, row.follower) for row in await session.execute(LETTERS)]
                again = dice.sample(seen, len(seen) // 2) + dice.sample(old, min(len(old), 20))
                await self._runtime.queue.send(again)
                self.faults["messages_again"] += len(again)
                old = (old + seen)[-200:]
                if dice.random() < 0.15:
                    self.faults["messages_lost"] += int(await self._runtime.redis.hlen(f"dramatiq:{WORK}.msgs"))
                    await self._runtime.redis.delete(f"dramatiq:{WORK}", f"dramatiq:{WORK}.msgs")
            except AWAY:
                self.faults["database_away"] += 1

    async def _killing(self, dice: Random, for_s: float) -> None:
        """Each process once or more, at moments spread over the storm; down for a moment, then started again."""
        kills = list(KILLS)
        dice.shuffle(kills)
        for name in kills:
            await asyncio.sleep(for_s / (len(kills) + 1) * dice.uniform(0.6, 1.1))
            self.kill(name)
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            self.revive(name)

    def kill(self, name: str) -> None:
        """SIGKILL to a whole process group."""
        self.kills[name] += 1
        if name in self._servers:
            self._servers[name].kill()
        else:
            os.killpg(self._supervisor.pid_of(name), signal.SIGKILL)

    def revive(self, name: str) -> None:
        """Called in the thread that started them all, to which they are tied."""
        if name in self._servers:
            self._servers[name].start()
        else:
            self._supervisor.restart(name)


def told(faults: Sequence[Counter[str]]) -> dict[str, int]:
    """All faults by kind, in order of their names."""
    total: Counter[str] = Counter()
    for some in faults:
        total.update(some)
    return dict(sorted((kind, times) for kind, times in total.items() if times))
