"""Questions that come close together, asked in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Together(Generic[K, V]):
    """Asks `body` about many keys at once: the first is asked about immediately; what is asked while that goes on, and
    for `pause_s` after its beginning, goes together with the next, `most` of them at a time.

    What `body` raises is raised to each who asked in that go; with `apart_on_failure` each is asked about once more by
    itself before, so that one cannot spoil it for the others. For one event loop.
    """

    def __init__(
        self,
        body: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        pause_s: float = 0.0,
        most: int = 200,
        apart_on_failure: bool = False,
    ) -> None:
        self._body = body
        self._pause_s = pause_s
        self._most = most
        self._apart_on_failure = apart_on_failure
        self._waiting: list[tuple[K, asyncio.Future[V | None]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def ask(self, key: K) -> V | None:
        """The answer about one key; None when `body` said nothing about it."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await answer

    async def _ask_all(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._waiting:
                if (early_s := self._not_before - clock()) > 0:
                    await asyncio.sleep(early_s)
                self._not_before = clock() + self._pause_s
                asked, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._ask_some(asked)
        finally:
            self._asking = None

    async def _ask_some(self, asked: Sequence[tuple[K, asyncio.Future[V | None]]]) -> None:
        try:
            answers = await self._body([key for key, _ in asked])
        except Exception as error:  # noqa: BLE001  it is raised where it was asked
            if self._apart_on_failure and len(asked) > 1:
                for one in asked:
                    await self._ask_some([one])
                return
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for key, answer in asked:
                if not answer.done():  # whoever asked may have been cancelled
                    answer.set_result(answers.get(key))
