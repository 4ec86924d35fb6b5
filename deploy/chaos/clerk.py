"""A person of the station: he gives money back for what was delivered, sometimes all of it, and hands over a card of an
order that waits for several. Sometimes he presses twice."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.chaos.diary import Diary
from deploy.chaos.history import Given, Handed
from deploy.chaos.patience import AWAY, PAUSE_S
from deploy.chaos.station import Station
from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.orders import refunds
from tenants.orders import service as orders

EVERY_S = (1.5, 5.0)
GIVES_BACK = 0.5  # else he hands something over
A_LITTLE_CENTS = 50
ALL_OF_IT, PRESSES_TWICE = 0.3, 0.4
SHORTEST = 2  # orders that he chooses from: first those that nobody else has anything for
TRIES_FOR_S = 30.0
DELIVERED = text("SELECT no, total_cents - refunded_cents AS left_cents FROM orders"
                 " WHERE state IN ('delivered', 'partial') AND refunded_cents < total_cents ORDER BY id")  # fmt: skip
WAITING = text("SELECT no FROM orders WHERE state = 'waiting' AND kind = 'cards' AND good_id IS NOT NULL"
               " AND quantity > delivered_quantity + 1 ORDER BY reason <> 'out_of_stock', id")  # fmt: skip
Act = Callable[[AsyncSession], Awaitable[object]]


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
            with suppress(*AWAY):
                await (self._give_back() if self._dice.random() < GIVES_BACK else self._hand_over())

    async def _give_back(self) -> None:
        async with self._station.tenant.begin() as session:
            delivered = (await session.execute(DELIVERED)).all()
        if not delivered:
            return
        order, key = self._dice.choice(delivered), ids.code(20)
        most = order.left_cents if self._dice.random() < ALL_OF_IT else A_LITTLE_CENTS
        cents = min(most, order.left_cents)

        async def act(session: AsyncSession) -> None:
            await refunds.give_back(
                session, order.no, cents=cents, to="wallet", reason="chaos", by="clerk", request_key=key
            )

        is_done, refused = await self._press(act, "refund_twice")
        self._diary.given.append(Given(key=key, no=order.no, cents=cents, done=is_done, refused=refused))

    async def _hand_over(self) -> None:
        async with self._station.tenant.begin() as session:
            waiting = (await session.execute(WAITING)).scalars().all()
        if not waiting:
            return
        no, key = self._dice.choice(waiting[:SHORTEST]), f"HAND-{self._station.seed}-{ids.code(8)}"
        sealer = await self._runtime.keyring.tenant(self._station.tenant.id)

        async def act(session: AsyncSession) -> None:
            await orders.deliver_by_hand(session, sealer, no, [key], "clerk")

        is_done, _ = await self._press(act, "by_hand_twice")
        self._diary.handed.append(Handed(key=key, no=no, done=is_done))

    async def _press(self, act: Act, twice: str) -> tuple[bool, str]:
        """Whether it was done, and else why it was refused; neither when nobody ever answered."""
        times = 2 if self._dice.random() < PRESSES_TWICE else 1
        self._diary.faults[twice] += times > 1
        heard = await asyncio.gather(*(self._try(act) for _ in range(times)))
        is_done = "" in heard
        return is_done, "" if is_done else next((one for one in heard if one), "")

    async def _try(self, act: Act) -> str | None:
        """Why not, or nothing when it is done; None: nobody ever answered."""
        gives_up = time.monotonic() + TRIES_FOR_S
        while time.monotonic() < gives_up:
            try:
                async with self._station.tenant.begin() as session:
                    await act(session)
            except KamengError as refusal:
                return str(refusal) or type(refusal).__name__
            except AWAY:
                await asyncio.sleep(PAUSE_S)
            else:
                return ""
        return None
