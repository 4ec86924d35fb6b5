"""Buying by machine: paid from the buyer's wallet at once, or not made at all."""

import hashlib
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import UnderWay
from kameng.audit import service as audit
from kameng.cards import reveals
from kameng.cards import service as cards
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.core.money import to_yuan, total_cents
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import context
from kameng.web.answers import AnyRequest
from kameng.web.people import Visitor
from tenants.openapi import numbers, telling
from tenants.openapi.catalogue import LANGUAGE
from tenants.openapi.door import DOOR
from tenants.openapi.envelope import ok
from tenants.openapi.errors import CancelNotAllowed
from tenants.openapi.machines import Machine
from tenants.openapi.telling import STATUS
from tenants.orders import live
from tenants.orders import queries as orders
from tenants.orders import service as selling
from tenants.orders.errors import NotRefundable, OrderGone
from tenants.orders.service import WALLET, OrderDraft
from tenants.orders.states import State
from tenants.storefront import checkout

LAST_NUMBER = 2**63 - 1
MOST_FIELDS = 50
ONE_LINE = r"\A[^\x00-\x1f\x7f]*\Z"
Label = Annotated[str, Meta(max_length=200)]
Filled = Annotated[str, Meta(max_length=500)] | int | float


class Wanted(Struct, frozen=True):
    """The body of an order. `manual_form_data`: what the product's fields ask for, by their keys. At `callback_url` the
    shop is told when the status changes (`callbacks`), with its `trace_id`."""

    sku_id: Annotated[int, Meta(ge=1, le=LAST_NUMBER)]
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    downstream_order_no: Annotated[str, Meta(max_length=64, pattern=ONE_LINE)] = ""
    manual_form_data: Annotated[dict[Label, Filled], Meta(max_length=MOST_FIELDS)] | None = None
    trace_id: Annotated[str, Meta(max_length=100, pattern=ONE_LINE)] = ""
    callback_url: Annotated[str, Meta(max_length=500, pattern=ONE_LINE)] = ""


class OrderController(Controller):
    path = "/api/v1/upstream/orders"
    guards, opt, dependencies, exception_handlers = DOOR.guards, DOOR.opt, DOOR.dependencies, DOOR.exception_handlers

    @post("/", status_code=200)
    async def place(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        machine: NamedDependency[Machine],
    ) -> Response[dict[str, Any]]:
        wanted = _decoded(await request.body())
        draft = OrderDraft(
            product_id=wanted.sku_id,
            quantity=wanted.quantity,
            pay_method=WALLET,
            request_key=_request_key(machine, wanted.downstream_order_no),
        )
        inputs = {label: str(said) for label, said in (wanted.manual_form_data or {}).items()}
        sale = await checkout.buy(runtime, tenant, _visitor(request, machine), draft, inputs=inputs)
        placed = numbers.Ordered(
            key_id=machine.key_id,
            order_no=sale.placed.no,
            downstream_no=wanted.downstream_order_no,
            callback_url=wanted.callback_url,
            trace_id=wanted.trace_id,
        )
        async with tenant.begin() as session:
            number = await numbers.remember(session, placed)
            if wanted.callback_url:
                await selling.watch(session, sale.placed)
        return ok(
            order_id=number,
            order_no=sale.placed.no,
            status=STATUS[sale.placed.state],
            amount=str(to_yuan(sale.placed.total_cents)),
            currency="CNY",
        )

    @get("/{number:int}")
    async def show(
        self,
        number: FromPath[int],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        machine: NamedDependency[Machine],
    ) -> Response[dict[str, Any]]:
        sealer = await runtime.keyring.tenant(tenant.id)
        async with tenant.begin() as session:
            order = await orders.order_of(session, machine.buyer_id, await _no(session, machine, number))
            held = await cards.issued(session, order.id) if order.state in telling.DELIVERED else []
            if held:
                await reveals.log_first(session, order.id, "", context.of(request.scope).address)
        answer: dict[str, Any] = {
            "order_id": number,
            "order_no": order.no,
            "status": STATUS[State(order.state)],
            "amount": str(to_yuan(order.total_cents)),
            "currency": "CNY",
            "items": [
                {
                    "product_id": order.product_id,
                    "sku_id": order.product_id,
                    "title": {LANGUAGE: order.product_name},
                    "quantity": order.quantity,
                    "unit_price": str(to_yuan(total_cents(order.unit_price, 1))),
                    "total_price": str(to_yuan(order.total_cents)),
                    "fulfillment_type": "auto",
                }
            ],
        }
        if came := telling.fulfillment(order, cards.reveal(sealer, held)):
            answer["fulfillment"] = came
        return ok(**answer)

    @post("/{number:int}/cancel", status_code=200)
    async def cancel(
        self,
        number: FromPath[int],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        machine: NamedDependency[Machine],
    ) -> Response[dict[str, Any]]:
        """Gives the money back for an order that waits and that no supplier is at work on."""
        try:
            async with tenant.begin() as session:
                no = await _no(session, machine, number)
                order = await orders.order_of(session, machine.buyer_id, no)
                if order.state != State.REFUNDED:
                    await selling.refund(session, order.no, "cancelled")
                    address = context.of(request.scope).address
                    await audit.record(session, f"key {machine.key_id}", "orders.refund", no, address=address)
        except (NotRefundable, UnderWay) as error:
            raise CancelNotAllowed from error
        await live.changed(runtime, tenant, no)
        return ok(order_id=number, order_no=no, status=STATUS[State.REFUNDED])


async def _no(session: AsyncSession, machine: Machine, number: int) -> str:
    if not 0 < number <= LAST_NUMBER:
        raise OrderGone
    return await numbers.order_no(session, machine.key_id, number)


def _decoded(body: bytes) -> Wanted:
    """Raises `Invalid`, naming the field."""
    try:
        wanted = msgspec.json.decode(body, type=Wanted)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise Invalid({where.rstrip("`") or "body": what}) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid({"body": "This is not JSON."}) from None
    if wanted.callback_url and not _is_address(wanted.callback_url):
        raise Invalid({"callback_url": "This is not an http or https address."})
    return wanted


def _is_address(url: str) -> bool:
    try:
        at = urlsplit(url)
        return at.scheme in ("http", "https") and bool(at.hostname) and at.username is None and at.port != 0
    except ValueError:  # brackets or a port that are none
        return False


def _request_key(machine: Machine, downstream_no: str) -> str:
    """The same key and order number of the caller are the same order; without a number each request is one."""
    if not downstream_no:
        return f"api-{ids.code(20)}"
    return hashlib.sha256(f"{machine.key_id}\n{downstream_no}".encode()).hexdigest()


def _visitor(request: AnyRequest, machine: Machine) -> Visitor:
    return Visitor(
        session_id="",
        buyer_id=machine.buyer_id,
        name="",
        role="member",
        address=context.of(request.scope).address,
        user_agent="",
    )
