"""The gateway's side of the sandbox supplier's protocol."""

import hmac
import secrets
import time
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from kameng.infra.http import BadAnswer, Outbound, OutboundError, Reply
from supplier_gateway.adapters import wire
from supplier_gateway.adapters.sandbox.protocol import (
    ACCOUNT_HEADER,
    LARGEST_SKEW_S,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Balance,
    CallbackOut,
    Good,
    Goods,
    OrderIn,
    OrderOut,
    OrderStatus,
    Refusal,
    Refused,
    Stock,
    sign,
)
from supplier_gateway.port import (
    Answer,
    Called,
    CallRefused,
    Fault,
    GoodField,
    GoodsPage,
    Greeting,
    Order,
    Outcome,
    SupplierGood,
    SupplierUnavailable,
)

FAULT_OF = {
    Refused.OUT_OF_STOCK: Fault.OUT_OF_STOCK,
    Refused.BALANCE: Fault.BALANCE,
    Refused.PRICE: Fault.PRICE,
    Refused.INPUT: Fault.INPUT,
    Refused.NO_SUCH_ORDER: Fault.NOT_FOUND,
}
OUTCOME_OF = {
    OrderStatus.PENDING: Outcome.PENDING,
    OrderStatus.DELIVERED: Outcome.DELIVERED,
    OrderStatus.PARTIAL: Outcome.PARTIAL,
    OrderStatus.FAILED: Outcome.FAILED,
}

T = TypeVar("T")


class SandboxAdapter:
    """One account at a sandbox supplier; implements `supplier_gateway.port.SupplierAdapter`.

    `base_url` has no path of its own or one that the supplier is mounted under; `timeout_s` bounds each call. A
    callback may be signed with any of `secrets_heard`: the secret, and for a while the one before it.
    """

    def __init__(
        self,
        base_url: str,
        account: str,
        secret: str,
        outbound: Outbound,
        timeout_s: float,
        callback_url: str = "",
        secrets_heard: Sequence[str] = (),
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._account = account
        self._secret = secret
        self._outbound = outbound
        self._timeout_s = timeout_s
        self._callback_url = callback_url
        self._secrets_heard = secrets_heard or (secret,)

    async def buy(self, order: Order) -> Answer:
        asked = OrderIn(
            order.reference, order.sku, order.quantity, order.max_unit_cost, dict(order.inputs), self._callback_url
        )
        try:
            reply = await self._call("POST", "/v1/orders", msgspec.json.encode(asked))
            if refusal := _refusal(reply):
                return wire.failed(FAULT_OF.get(refusal.error, Fault.REFUSED), _said(refusal))
            told = _told(reply, OrderOut)
        except OutboundError as error:
            return wire.not_bought(error)
        if (told.sku, told.quantity) != (order.sku, order.quantity):
            return wire.unknown(BadAnswer("an order for something else"))
        return _answer(told, order.reference)

    async def find(self, reference: str, *, order_no: str = "", order: Order | None = None) -> Answer:
        try:
            reply = await self._call("GET", f"/v1/orders/{quote(reference, safe='')}")
            if refusal := _refusal(reply):
                # Only "no such order" tells what became of it; any other refusal is about this question.
                if refusal.error is Refused.NO_SUCH_ORDER:
                    return wire.failed(Fault.NOT_FOUND, _said(refusal))
                return Answer(Outcome.UNKNOWN, fault=Fault.REFUSED, detail=wire.brief(_said(refusal)))
            told = _told(reply, OrderOut)
        except OutboundError as error:
            return wire.unknown(error)
        if order and (told.sku, told.quantity) != (order.sku, order.quantity):
            return wire.unknown(BadAnswer("an order for something else"))
        return _answer(told, reference)

    async def goods(self, cursor: str = "") -> GoodsPage:
        query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
        told = await self._read(f"/v1/goods{query}", Goods)
        return GoodsPage([_good(good) for good in told.goods], told.next_cursor)

    async def stock(self, sku: str) -> int | None:
        return (await self._read(f"/v1/goods/{quote(sku, safe='')}/stock", Stock)).stock

    async def balance_cents(self) -> int:
        return wire.checked_balance((await self._read("/v1/balance", Balance)).balance_cents)

    async def greet(self) -> Greeting:
        told = await self._read("/v1/balance", Balance)
        return Greeting(wire.brief(told.shop_name), wire.checked_balance(told.balance_cents))

    def heard(self, called: Called) -> str:
        timestamp = called.headers.get(TIMESTAMP_HEADER, "")
        nonce = called.headers.get(NONCE_HEADER, "")
        given = called.headers.get(SIGNATURE_HEADER, "").encode()
        if not any(
            hmac.compare_digest(
                sign(secret, called.method, called.target, timestamp, nonce, called.body).encode(), given
            )
            for secret in self._secrets_heard
        ):
            raise CallRefused("wrong signature")
        if not (timestamp.isascii() and timestamp.isdigit()) or abs(time.time() - int(timestamp)) > LARGEST_SKEW_S:
            raise CallRefused("too far from now")
        try:
            return msgspec.json.decode(called.body, type=CallbackOut).reference
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CallRefused("not of the protocol") from error

    async def _read(self, path: str, expected: type[T]) -> T:
        try:
            reply = await self._call("GET", path)
            if refusal := _refusal(reply):
                raise SupplierUnavailable(Fault.REFUSED, wire.brief(_said(refusal)))
            return _told(reply, expected)
        except OutboundError as error:
            raise wire.unavailable(error) from error

    async def _call(self, method: str, path: str, body: bytes = b"") -> Reply:
        url = self._base_url + path
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        return await self._outbound.request(
            method,
            url,
            content=body or None,
            headers={
                "content-type": "application/json",
                ACCOUNT_HEADER: self._account,
                TIMESTAMP_HEADER: timestamp,
                NONCE_HEADER: nonce,
                SIGNATURE_HEADER: sign(self._secret, method, target, timestamp, nonce, body),
            },
            timeout_s=self._timeout_s,
            max_body_bytes=wire.ORDER_BYTES,
        )


def _refusal(reply: Reply) -> Refusal | None:
    """The supplier's definite no. Raises `BadAnswer` on a foreign 4xx: a proxy between may have said it."""
    return reply.json(Refusal) if 400 <= reply.status < 500 else None


def _told(reply: Reply, expected: type[T]) -> T:
    """Raises `BadAnswer` for every status but 200 and for a body that is not `expected`."""
    if reply.status != 200:
        raise BadAnswer(f"HTTP {reply.status}")
    return reply.json(expected)


def _answer(told: OrderOut, reference: str) -> Answer:
    if told.reference != reference:
        return wire.unknown(BadAnswer("an order with another reference"))
    outcome = OUTCOME_OF[told.status]
    if outcome is Outcome.FAILED:
        return Answer(outcome, told.order_no, fault=Fault.REFUSED, detail=wire.brief(told.detail))
    if outcome is Outcome.PENDING:
        return Answer(outcome, told.order_no, cost_cents=told.cost_cents)
    units = len(told.cards) or told.delivered_quantity
    try:
        wire.check_delivery(outcome, told.cards, units, told.quantity, told.cost_cents)
    except BadAnswer as error:
        return wire.unknown(error)
    return Answer(
        outcome,
        told.order_no,
        tuple(told.cards),
        told.cost_cents,
        message=told.message,
        delivered_quantity=units,
    )


def _good(told: Good) -> SupplierGood:
    return SupplierGood(
        told.sku,
        told.name,
        told.cost,
        told.stock,
        kind=told.kind,
        category=told.category,
        item=told.sku,
        fields=tuple(GoodField(one.label, pattern=one.pattern, hint=one.hint) for one in told.fields),
        min_quantity=told.min_quantity,
        max_quantity=told.max_quantity,
    )


def _said(refusal: Refusal) -> str:
    return f"{refusal.error}: {refusal.detail}" if refusal.detail else str(refusal.error)
