"""The sandbox supplier's routes: `/v1` for customers, `/control` for whoever stages a test or a demo."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, Litestar, Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.enums import MediaType
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct

from kameng.infra.serve import tell_surprise
from supplier_gateway.adapters.sandbox.door import Door
from supplier_gateway.adapters.sandbox.faults import Call, FaultKind, Plan
from supplier_gateway.adapters.sandbox.protocol import (
    Balance,
    Good,
    Goods,
    OrderIn,
    OrderStatus,
    Refusal,
    Refused,
    Stock,
)
from supplier_gateway.adapters.sandbox.shelf import RefusedError, Shelf, save

STATUS_OF = {
    Refused.INVALID: 400,
    Refused.SIGNATURE: 401,
    Refused.BALANCE: 402,
    Refused.NO_SUCH_GOOD: 404,
    Refused.NO_SUCH_ORDER: 404,
    Refused.OUT_OF_STOCK: 409,
    Refused.PRICE: 409,
    Refused.REFERENCE_USED: 409,
}
MAINTENANCE_PAGE = "<!doctype html><title>Maintenance</title><p>Back soon.</p>"

Reply = Response[Any]


class ControlOrder(Struct):
    """One order as the control API lists it; `requests` counts how often it was asked for."""

    reference: str
    order_no: str
    sku: str
    quantity: int
    status: OrderStatus
    cost_cents: int
    cards: list[str]
    requests: int


class Supplier:
    """The running sandbox: what it remembers, what is wrong with it now, and where it keeps its memory."""

    def __init__(self, shelf: Shelf, state: Path | None) -> None:
        self.shelf = shelf
        self.plan = Plan()
        self._state = state

    def keep(self) -> None:
        if self._state is not None:
            save(self.shelf, self._state)

    async def answer(self, call: Call, act: Callable[[float], object]) -> Reply:
        """What `act` gives, with whatever is wrong now. `act` takes the seconds until delivery."""
        fault = self.plan.strike(call)
        await asyncio.sleep(self.plan.latency_ms / 1000)
        if fault is None:
            return Response(act(0))
        delay_s = fault.delay_ms / 1000
        match fault.kind:
            case FaultKind.SLOW:
                await asyncio.sleep(delay_s)
                return Response(act(0))
            case FaultKind.PENDING:
                return Response(act(delay_s))
            case FaultKind.ERROR:
                return Response({"error": "internal"}, status_code=500)
            case FaultKind.OUT_OF_STOCK:
                raise RefusedError(Refused.OUT_OF_STOCK, "0 left")
            case FaultKind.HTML:
                return Response(MAINTENANCE_PAGE, media_type=MediaType.HTML)
            case FaultKind.DOWN:
                return _broken()
            case FaultKind.TIMEOUT_BEFORE:
                await asyncio.sleep(delay_s)
                return _broken()
            case FaultKind.TIMEOUT_AFTER_SUCCESS:
                act(0)
                await asyncio.sleep(delay_s)
                return _broken()


class Version1(Controller):
    path = "/v1"

    @get("/goods", status_code=200)
    async def goods(self, supplier: NamedDependency[Supplier]) -> Reply:
        return await supplier.answer(Call.READ, lambda _: Goods(list(supplier.shelf.goods.values())))

    @get("/goods/{sku:str}/stock", status_code=200)
    async def stock(self, supplier: NamedDependency[Supplier], sku: FromPath[str]) -> Reply:
        return await supplier.answer(Call.READ, lambda _: Stock(sku, supplier.shelf.good(sku).stock))

    @get("/balance", status_code=200)
    async def balance(self, supplier: NamedDependency[Supplier]) -> Reply:
        return await supplier.answer(Call.READ, lambda _: Balance(supplier.shelf.balance_cents))

    @post("/orders", status_code=200)
    async def buy(self, supplier: NamedDependency[Supplier], request: Request[Any, Any, Any]) -> Reply:
        try:
            asked = msgspec.json.decode(await request.body(), type=OrderIn)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(Refused.INVALID, str(error)) from error

        def place(delivers_after_s: float) -> object:
            placed = supplier.shelf.place(asked, delivers_after_s=delivers_after_s)
            supplier.keep()
            return placed.shown()

        return await supplier.answer(Call.BUY, place)

    @get("/orders/{reference:str}", status_code=200)
    async def find(self, supplier: NamedDependency[Supplier], reference: FromPath[str]) -> Reply:
        return await supplier.answer(Call.FIND, lambda _: supplier.shelf.find(reference).shown())


class Control(Controller):
    """Each POST sets what it names and answers with what now holds."""

    path = "/control"

    @get("/faults")
    async def faults(self, supplier: NamedDependency[Supplier]) -> Plan:
        return supplier.plan

    @post("/faults", status_code=200)
    async def plan(self, supplier: NamedDependency[Supplier], data: Plan) -> Plan:
        """Replaces the whole plan; `{}` mends everything."""
        supplier.plan = data
        return supplier.plan

    @get("/orders")
    async def orders(self, supplier: NamedDependency[Supplier]) -> list[ControlOrder]:
        """Every order ever made, oldest first."""
        return [
            ControlOrder(
                reference=placed.asked.reference,
                order_no=placed.order_no,
                sku=placed.asked.sku,
                quantity=placed.asked.quantity,
                status=placed.shown().status,
                cost_cents=placed.cost_cents,
                cards=placed.cards,
                requests=placed.requests,
            )
            for placed in supplier.shelf.orders.values()
        ]

    @post("/goods", status_code=200)
    async def goods(self, supplier: NamedDependency[Supplier], data: list[Good]) -> Goods:
        """Adds goods, or replaces those with the same sku."""
        supplier.shelf.goods.update({good.sku: good for good in data})
        supplier.keep()
        return Goods(list(supplier.shelf.goods.values()))

    @post("/balance", status_code=200)
    async def balance(self, supplier: NamedDependency[Supplier], data: Balance) -> Balance:
        supplier.shelf.balance_cents = data.balance_cents
        supplier.keep()
        return data


@get("/healthz", media_type=MediaType.TEXT)
async def healthz() -> str:
    return "ok"


def build(shelf: Shelf, door: Door, state: Path | None = None) -> Litestar:
    """The application. With `state`, every change is written there before it is answered."""
    supplier = Supplier(shelf, state)
    return Litestar(
        route_handlers=[
            healthz,
            Router("/", route_handlers=[Version1], before_request=door.check_signature),
            Router("/", route_handlers=[Control], guards=[door.check_control]),
        ],
        dependencies={"supplier": Provide(lambda: supplier, sync_to_thread=False)},
        exception_handlers={RefusedError: _refusal},
        after_exception=[tell_surprise],
        openapi_config=None,
        logging_config=None,
    )


def _refusal(_: Request[Any, Any, Any], error: RefusedError) -> Response[Refusal]:
    return Response(Refusal(error.error, error.detail[:200]), status_code=STATUS_OF[error.error])


def _broken() -> Reply:
    """An answer that promises more than it sends before the connection breaks."""

    async def one_byte() -> AsyncIterator[bytes]:
        yield b"{"
        raise ConnectionAbortedError("broken on purpose")

    return Stream(one_byte(), headers={"content-length": "100"}, media_type=MediaType.JSON)
