"""The sandbox gateway's routes: epay v1 for merchants, the cashier for buyers, `/control` for staging."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import Controller, Litestar, MediaType, Request, Response, Router, get, post, route
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from billing.payments.adapters.epay.sandbox import api, pages
from billing.payments.adapters.epay.sandbox.book import Book, GatewayOrder, GatewayRefusal, SentNotice
from billing.payments.adapters.epay.sandbox.notifier import Notifier, NotifyPlan
from kameng.infra.serve import tell_surprise

LARGEST_REQUEST_BYTES = 64 << 10
MOST_FIELDS = 60
CONTROL_HEADER = "x-control-token"

AnyRequest = Request[Any, Any, Any]


@route("/submit.php", http_method=["GET", "POST"], status_code=200)
async def submit(request: AnyRequest, book: NamedDependency[Book]) -> Response[str]:
    try:
        order = book.open(await fields_of(request))
    except GatewayRefusal as error:
        return pages.refusal(request, error.msg)
    return pages.cashier(request, order, book.merchants[order.pid], return_to(book, order))


@post("/mapi.php", status_code=200)
async def mapi(request: AnyRequest, book: NamedDependency[Book]) -> dict[str, object]:
    try:
        return api.open_by_machine(book, await fields_of(request), str(request.base_url))
    except GatewayRefusal as error:
        return {"code": -1, "msg": error.msg}


@route("/api.php", http_method=["GET", "POST"], status_code=200)
async def machine(request: AnyRequest, book: NamedDependency[Book]) -> dict[str, object]:
    try:
        return api.answer(book, await fields_of(request), by_post=request.method == "POST")
    except GatewayRefusal as error:
        return {"code": -1, "msg": error.msg}


class Cashier(Controller):
    path = "/cashier/{trade_no:str}"

    @get()
    async def show(self, request: AnyRequest, book: NamedDependency[Book], trade_no: FromPath[str]) -> Response[str]:
        try:
            order = book.order(trade_no)
        except GatewayRefusal as error:
            return pages.refusal(request, error.msg)
        return pages.cashier(request, order, book.merchants[order.pid], return_to(book, order))

    @post("/pay")
    async def pay(
        self,
        request: AnyRequest,
        book: NamedDependency[Book],
        notifier: NamedDependency[Notifier],
        trade_no: FromPath[str],
    ) -> Response[Any]:
        try:
            first = book.pay(trade_no, (await fields_of(request)).get("type", ""))
        except GatewayRefusal as error:
            return pages.refusal(request, error.msg)
        order = book.order(trade_no)
        if first:
            await notifier.paid(order)
        return Redirect(return_to(book, order), status_code=303)


class Control(Controller):
    """An order is named by its trade_no or by the merchant's out_trade_no."""

    path = "/control"

    @get("/notify")
    async def shown(self, notifier: NamedDependency[Notifier]) -> NotifyPlan:
        return notifier.plan

    @post("/notify", status_code=200)
    async def plan(self, notifier: NamedDependency[Notifier], data: NotifyPlan) -> NotifyPlan:
        notifier.plan = data
        return data

    @get("/orders")
    async def orders(self, book: NamedDependency[Book]) -> list[GatewayOrder]:
        return list(book.orders.values())

    @get("/notices")
    async def notices(self, book: NamedDependency[Book]) -> list[SentNotice]:
        """Every notice ever sent and its reply, oldest first."""
        return book.notices

    @post("/orders/{number:str}/pay", status_code=200)
    async def pay(
        self, book: NamedDependency[Book], notifier: NamedDependency[Notifier], number: FromPath[str]
    ) -> GatewayOrder:
        """Pays without a browser."""
        order = named(book, number)
        if book.pay(order.trade_no):
            await notifier.paid(order)
        return order

    @post("/orders/{number:str}/notice", status_code=200)
    async def notice(
        self, book: NamedDependency[Book], notifier: NamedDependency[Notifier], number: FromPath[str]
    ) -> SentNotice:
        """Sends the notice of a paid order once more, now."""
        order = named(book, number)
        if order.paid_at is None:
            raise NotFoundException("not paid")
        return await notifier.send(order)


@get("/cashier.css", media_type=MediaType.CSS)
async def style() -> str:
    return pages.STYLE


@get("/healthz", media_type=MediaType.TEXT)
async def healthz() -> str:
    return "ok"


def build(book: Book, control_token: str, retry_ms: int) -> Litestar:
    def check_control(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        given = connection.headers.get(CONTROL_HEADER, "")
        if not hmac.compare_digest(given.encode(), control_token.encode()):
            raise NotAuthorizedException("wrong or missing control token")

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.notifier = Notifier(book, retry_ms)
        yield
        await app.state.notifier.aclose()

    def notifier(request: AnyRequest) -> Notifier:
        running: Notifier = request.app.state.notifier
        return running

    return Litestar(
        route_handlers=[
            submit,
            mapi,
            machine,
            Cashier,
            style,
            healthz,
            Router("/", route_handlers=[Control], guards=[check_control]),
        ],
        dependencies={
            "book": Provide(lambda: book, sync_to_thread=False),
            "notifier": Provide(notifier, sync_to_thread=False),
        },
        lifespan=[lifespan],
        after_exception=[tell_surprise],
        request_max_body_size=LARGEST_REQUEST_BYTES,
        openapi_config=None,
        logging_config=None,
    )


async def fields_of(request: AnyRequest) -> dict[str, str]:
    """Query and form fields together, the last of a name as PHP has it. Raises `GatewayRefusal`."""
    text = request.scope["query_string"].decode("latin-1")
    if request.method == "POST":
        text = f"{text}&{(await request.body()).decode('latin-1')}"
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise GatewayRefusal("参数过多") from error


def return_to(book: Book, order: GatewayOrder) -> str:
    """Where the browser goes back to: with the signed set once it is paid."""
    if order.paid_at is None:
        return order.return_url
    joint = "&" if "?" in order.return_url else "?"
    return f"{order.return_url}{joint}{urlencode(book.signed_result(order))}"


def named(book: Book, number: str) -> GatewayOrder:
    """The newest order of that number. Raises `NotFoundException`."""
    for order in reversed(book.orders.values()):
        if number in (order.trade_no, order.out_trade_no):
            return order
    raise NotFoundException("no such order")
