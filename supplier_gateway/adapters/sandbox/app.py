"""The sandbox supplier's routes: `/v1` for customers, `/control` for whoever stages a test or a demo."""

from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, Litestar, Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.enums import MediaType
from litestar.params import FromPath
from msgspec import Struct

from kameng.infra.serve import tell_surprise
from supplier_gateway.adapters.sandbox.caller import Caller
from supplier_gateway.adapters.sandbox.door import Door
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
from supplier_gateway.adapters.staging.faults import Call, FaultKind
from supplier_gateway.adapters.staging.switchboard import Faults, Reply, Switchboard, Twist

SHOP_NAME = "沙箱供应商"
STATUS_OF = {
    Refused.INVALID: 400,
    Refused.INPUT: 400,
    Refused.SIGNATURE: 401,
    Refused.BALANCE: 402,
    Refused.REFUSED: 403,
    Refused.NO_SUCH_GOOD: 404,
    Refused.NO_SUCH_ORDER: 404,
    Refused.OUT_OF_STOCK: 409,
    Refused.PRICE: 409,
    Refused.REFERENCE_USED: 409,
}
REFUSALS = {
    FaultKind.OUT_OF_STOCK: lambda: RefusedError(Refused.OUT_OF_STOCK, "0 left"),
    FaultKind.BALANCE: lambda: RefusedError(Refused.BALANCE, "0 cents left"),
    FaultKind.REFUSED: lambda: RefusedError(Refused.REFUSED, "not today"),
}
ERROR_BODY = {"error": "internal", "detail": "and yet the status is 200"}


class ControlOrder(Struct):
    """One order as the control API lists it: `units` are delivered; `requests` counts how often it was asked for."""

    reference: str
    order_no: str
    sku: str
    quantity: int
    status: OrderStatus
    cost_cents: int
    cards: list[str]
    units: int
    requests: int


class Supplier(Struct):
    """The running sandbox: what it remembers, where it keeps that, and whom it calls back."""

    shelf: Shelf
    caller: Caller
    state: Path | None

    def keep(self) -> None:
        if self.state is not None:
            save(self.shelf, self.state)


class Version1(Controller):
    path = "/v1"

    @get("/goods", status_code=200)
    async def goods(
        self, supplier: NamedDependency[Supplier], switchboard: NamedDependency[Switchboard], cursor: str = ""
    ) -> Reply:
        return await switchboard.answer(Call.READ, lambda _: supplier.shelf.page(cursor))

    @get("/goods/{sku:str}/stock", status_code=200)
    async def stock(
        self, supplier: NamedDependency[Supplier], switchboard: NamedDependency[Switchboard], sku: FromPath[str]
    ) -> Reply:
        return await switchboard.answer(Call.READ, lambda _: Stock(sku, supplier.shelf.good(sku).stock))

    @get("/balance", status_code=200)
    async def balance(self, supplier: NamedDependency[Supplier], switchboard: NamedDependency[Switchboard]) -> Reply:
        return await switchboard.answer(Call.READ, lambda _: Balance(supplier.shelf.balance_cents, SHOP_NAME))

    @post("/orders", status_code=200)
    async def buy(
        self,
        supplier: NamedDependency[Supplier],
        switchboard: NamedDependency[Switchboard],
        request: Request[Any, Any, Any],
    ) -> Reply:
        try:
            asked = msgspec.json.decode(await request.body(), type=OrderIn)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(Refused.INVALID, str(error)) from error

        def place(twist: Twist) -> object:
            placed = supplier.shelf.place(asked, twist)
            supplier.keep()
            supplier.caller.call_back(placed, twist)
            return placed.shown()

        return await switchboard.answer(Call.BUY, place)

    @get("/orders/{reference:str}", status_code=200)
    async def find(
        self, supplier: NamedDependency[Supplier], switchboard: NamedDependency[Switchboard], reference: FromPath[str]
    ) -> Reply:
        return await switchboard.answer(Call.FIND, lambda _: supplier.shelf.find(reference).shown())


class Control(Controller):
    """Each POST sets what it names and answers with what now holds."""

    path = "/control"

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
                units=placed.shown().delivered_quantity,
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

    @post("/goods/removed", status_code=200)
    async def removed(self, supplier: NamedDependency[Supplier], data: list[str]) -> Goods:
        """Takes goods off the shelf, by their skus."""
        for sku in data:
            supplier.shelf.goods.pop(sku, None)
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
    supplier = Supplier(shelf, Caller(door.account, door.secret), state)
    switchboard = Switchboard(REFUSALS, ERROR_BODY)
    return Litestar(
        route_handlers=[
            healthz,
            Router("/", route_handlers=[Version1], before_request=door.check_signature),
            Router("/", route_handlers=[Control, Faults], guards=[door.check_control]),
        ],
        dependencies={
            "supplier": Provide(lambda: supplier, sync_to_thread=False),
            "switchboard": Provide(lambda: switchboard, sync_to_thread=False),
        },
        exception_handlers={RefusedError: _refusal},
        after_exception=[tell_surprise],
        openapi_config=None,
        logging_config=None,
    )


def _refusal(_: Request[Any, Any, Any], error: RefusedError) -> Response[Refusal]:
    return Response(Refusal(error.error, error.detail[:200]), status_code=STATUS_OF[error.error])
