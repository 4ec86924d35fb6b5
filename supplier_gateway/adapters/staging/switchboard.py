"""The switchboard of a sandbox supplier: every answer goes through it, and comes out as the plan has it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.response import Stream
from msgspec import Struct

from supplier_gateway.adapters.staging.faults import Call, Fault, FaultKind, Plan
from supplier_gateway.adapters.staging.spoiling import spoiled

MAINTENANCE_PAGE = "<!doctype html><title>Maintenance</title><p>Back soon.</p>"
PRIVATE_ADDRESS = "http://169.254.169.254/latest/meta-data/"
ENDLESS_BYTES = 256 << 20  # so that it ends some day, should nobody cut it off
CHUNK = 64 << 10
DRIP_S = 0.1
BEFORE_THE_SECOND_CALL_S = 0.05

Reply = Response[Any]


class Twist(Struct, frozen=True):
    """How an order is to be made that is made at all."""

    delivers_after_s: float = 0
    fails: bool = False  # at that time
    short: bool = False  # one unit is missing
    dearer: bool = False
    callbacks: tuple[bool, ...] = (True,)  # for each: whether it tells the truth, or says "still working"


TRUE = Twist()
Act = Callable[[Twist], object]


class Switchboard:
    """What is wrong now. `refusals` are the supplier's own words for each definite no, `error_body` something that is
    no answer of its protocol.
    """

    def __init__(self, refusals: Mapping[FaultKind, Callable[[], Exception]], error_body: object) -> None:
        self.plan = Plan()
        self.struck: Counter[FaultKind] = Counter()  # since the start, whatever plans there were
        self._refusals = refusals
        self._error_body = error_body

    async def answer(self, call: Call, act: Act) -> Reply:
        """What `act` gives, with whatever is wrong now."""
        fault = self.plan.strike(call)
        await asyncio.sleep(self.plan.latency_ms / 1000)
        if fault is None:
            return Response(act(TRUE))
        self.struck[fault.kind] += 1
        if fault.kind in self._refusals:
            raise self._refusals[fault.kind]()
        delay_s = fault.delay_ms / 1000
        match fault.kind:
            case FaultKind.SLOW:
                await asyncio.sleep(delay_s)
                return Response(act(TRUE))
            case FaultKind.DOWN:
                return _broken(b"{")
            case FaultKind.TIMEOUT_BEFORE:
                await asyncio.sleep(delay_s)
                return _broken(b"{")
            case FaultKind.TIMEOUT_AFTER_SUCCESS:
                act(TRUE)
                await asyncio.sleep(delay_s)
                return _broken(b"{")
            case _ if fault.kind in TWISTS:
                return Response(act(TWISTS[fault.kind](delay_s)))
            case _ if fault.kind in INSTEAD:
                if fault.acted:
                    act(TRUE)
                return INSTEAD[fault.kind](self._error_body)
            case _:
                return _spoiled(fault, msgspec.json.encode(act(TRUE)))


class Faults(Controller):
    """The control API that all sandbox suppliers have. Each POST answers with what now holds."""

    path = "/control/faults"

    @get("/")
    async def faults(self, switchboard: NamedDependency[Switchboard]) -> Plan:
        return switchboard.plan

    @get("/struck")
    async def struck(self, switchboard: NamedDependency[Switchboard]) -> dict[str, int]:
        """How often each fault has struck since the start."""
        return {str(kind): times for kind, times in switchboard.struck.items()}

    @post("/", status_code=200)
    async def replace(self, switchboard: NamedDependency[Switchboard], data: Plan) -> Plan:
        """Replaces the whole plan; `{}` mends everything."""
        switchboard.plan = data
        return switchboard.plan


TWISTS: dict[FaultKind, Callable[[float], Twist]] = {
    FaultKind.PENDING: lambda delay_s: Twist(delay_s),
    FaultKind.FAILS_LATER: lambda delay_s: Twist(delay_s, fails=True),
    FaultKind.PARTIAL: lambda _: Twist(short=True),
    FaultKind.DEARER: lambda _: Twist(dearer=True),
    FaultKind.CALLBACK_TWICE: lambda delay_s: Twist(delay_s, callbacks=(True, True)),
    FaultKind.CALLBACK_OUT_OF_ORDER: lambda delay_s: Twist(delay_s, callbacks=(True, False)),
}
INSTEAD: dict[FaultKind, Callable[[object], Reply]] = {
    FaultKind.ERROR: lambda _: Response({"error": "internal"}, status_code=500),
    FaultKind.ERROR_BODY: lambda body: Response(body),
    FaultKind.HTML: lambda _: Response(MAINTENANCE_PAGE, media_type=MediaType.HTML),
    FaultKind.REDIRECT: lambda _: Response(b"", status_code=307, headers={"location": PRIVATE_ADDRESS}),
    FaultKind.REDIRECT_LOOP: lambda _: Response(b"", status_code=307, headers={"location": "."}),
}


def _spoiled(fault: Fault, truth: bytes) -> Reply:
    match fault.kind:
        case FaultKind.WRONG_LENGTH:
            return _broken(spoiled(fault.kind, truth), length=len(truth))
        case FaultKind.ENDLESS:
            return Stream(_endless(truth), media_type=MediaType.JSON)
        case FaultKind.DRIP:
            return Stream(_dripping(truth), media_type=MediaType.JSON)
        case _:
            return Response(spoiled(fault.kind, truth), media_type=MediaType.JSON)


def _broken(said: bytes, length: int = 100) -> Reply:
    """An answer that promises more than it sends before the connection breaks."""

    async def some() -> AsyncIterator[bytes]:
        yield said
        raise ConnectionAbortedError("broken on purpose")

    return Stream(some(), headers={"content-length": str(length)}, media_type=MediaType.JSON)


async def _endless(truth: bytes) -> AsyncIterator[bytes]:
    yield truth[:-1]
    for _ in range(ENDLESS_BYTES // CHUNK):
        yield b" " * CHUNK
    yield truth[-1:]


async def _dripping(truth: bytes) -> AsyncIterator[bytes]:
    for position in range(len(truth)):
        yield truth[position : position + 1]
        await asyncio.sleep(DRIP_S)
