"""A person of the station who gives money back for what was delivered: now and then, sometimes all of it, and sometimes
he presses twice."""

import asyncio
import time
from random import Random

from sqlalchemy import text

from deploy.chaos.diary import Diary
from deploy.chaos.history import Given
from deploy.chaos.patience import AWAY, PAUSE_S
from deploy.chaos.station import Station
from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.orders import refunds

EVERY_S = (2.0, 6.0)
A_LITTLE_CENTS = 50
ALL_OF_IT, PRESSES_TWICE = 0.3, 0.4
TRIES_FOR_S = 30.0
DELIVERED = text("SELECT no, total_cents - refunded_cents AS left_cents FROM orders"
                 " WHERE state IN ('delivered', 'partial') AND refunded_cents < total_cents ORDER BY id")  # fmt: skip


class Clerk:
    """Of one station."""

    def __init__(self, runtime: Runtime, station: Station, diary: Diary) -> None:
        self._runtime = runtime
        self._station = station
        self._diary = diary
        self._dice = Random(f"{station.seed}:clerk")  # noqa: S311 - chance, not secrets

    async def live(self, for_s: float) -> None:
        """All that he does in that time."""
        ends = time.monotonic() + for_s
        while time.monotonic() < ends:
            await asyncio.sleep(self._dice.uniform(*EVERY_S))
            try:
                async with self._station.tenant.begin() as session:
                    delivered = (await session.execute(DELIVERED)).all()
            except AWAY:
                continue
            if delivered:
                chosen = self._dice.choice(delivered)
                is_all = self._dice.random() < ALL_OF_IT
                await self._give_back(
                    chosen.no, chosen.left_cents if is_all else min(A_LITTLE_CENTS, chosen.left_cents)
                )

    async def _give_back(self, no: str, cents: int) -> None:
        key = ids.code(20)
        times = 2 if self._dice.random() < PRESSES_TWICE else 1
        heard = await asyncio.gather(*(self._press(no, cents, key) for _ in range(times)))
        is_done = "" in heard
        refused = next((one for one in heard if one), "")
        self._diary.given.append(Given(key=key, no=no, cents=cents, done=is_done, refused="" if is_done else refused))
        self._diary.faults["refund_twice"] += times > 1

    async def _press(self, no: str, cents: int, key: str) -> str | None:
        """Why not, or nothing when it is done; None: nobody ever answered."""
        gives_up = time.monotonic() + TRIES_FOR_S
        while time.monotonic() < gives_up:
            try:
                async with self._station.tenant.begin() as session:
                    await refunds.give_back(
                        session, no, cents=cents, to="wallet", reason="chaos", by="clerk", request_key=key
                    )
            except KamengError as refusal:
                return str(refusal) or type(refusal).__name__
            except AWAY:
                await asyncio.sleep(PAUSE_S)
            else:
                return ""
        return None
