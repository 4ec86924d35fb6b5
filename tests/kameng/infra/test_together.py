"""Questions that come together are asked together, and one that fails is the failure of who asked it."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from kameng.infra.together import Together


class Oracle:
    """Answers each number with its double; does not know what is odd below zero, and refuses zero."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.heard, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()

    async def __call__(self, numbers: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(list(numbers))
        self.heard.set()
        await self.open.wait()
        if 0 in numbers:
            raise ValueError(numbers)
        return {number: 2 * number for number in numbers if number > 0}


async def test_what_is_asked_while_one_question_is_open_is_asked_in_one_go() -> None:
    oracle = Oracle()
    oracle.open.clear()
    together: Together[int, int] = Together(oracle)
    first = asyncio.create_task(together.ask(1))
    await oracle.heard.wait()
    others = [asyncio.create_task(together.ask(number)) for number in (2, 3, -1)]
    await asyncio.sleep(0)

    oracle.open.set()

    assert await asyncio.gather(first, *others) == [2, 4, 6, None]
    assert oracle.asked == [[1], [2, 3, -1]]


async def test_no_more_than_so_many_go_together() -> None:
    oracle = Oracle()
    together: Together[int, int] = Together(oracle, most=2)

    answers = await asyncio.gather(*(together.ask(number) for number in range(1, 6)))

    assert answers == [2, 4, 6, 8, 10]
    assert oracle.asked == [[1, 2], [3, 4], [5]]


async def test_a_failure_is_everybodys_unless_each_is_asked_apart() -> None:
    shared, apart = Together(Oracle()), Together(Oracle(), apart_on_failure=True)

    both = await asyncio.gather(shared.ask(1), shared.ask(0), return_exceptions=True)
    each = await asyncio.gather(apart.ask(1), apart.ask(0), return_exceptions=True)

    assert [type(one) for one in both] == [ValueError, ValueError]
    assert each[0] == 2
    assert isinstance(each[1], ValueError)


async def test_who_gives_up_waiting_disturbs_nobody() -> None:
    oracle = Oracle()
    oracle.open.clear()
    together: Together[int, int] = Together(oracle)
    impatient, patient = (asyncio.create_task(together.ask(number)) for number in (1, 2))
    await oracle.heard.wait()

    impatient.cancel()
    oracle.open.set()

    assert await patient == 4
    with pytest.raises(asyncio.CancelledError):
        await impatient
