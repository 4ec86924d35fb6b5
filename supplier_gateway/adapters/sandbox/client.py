"""The gateway's side of the sandbox supplier's protocol."""

import secrets
import time
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from kameng.infra.http import BadAnswer, NoAnswer, NotSent, Outbound, OutboundError, Reply
from supplier_gateway.adapters.sandbox.protocol import (
    ACCOUNT_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Balance,
    Goods,
    OrderIn,
    OrderOut,
    OrderStatus,
    Refusal,
    Refused,
    Stock,
    sign,
)
from supplier_gateway.port import Answer, Fault, Order, Outcome, SupplierGood, SupplierUnavailable

LARGEST_CATALOGUE_BYTES = 16 << 20

FAULT_OF = {
    Refused.OUT_OF_STOCK: Fault.OUT_OF_STOCK,
    Refused.BALANCE: Fault.BALANCE,
    Refused.NO_SUCH_ORDER: Fault.NOT_FOUND,
}

T = TypeVar("T")


class SandboxAdapter:
    """One account at a sandbox supplier; implements `supplier_gateway.port.SupplierAdapter`.

    `base_url` has no path of its own or one that the supplier is mounted under; `timeout_s` bounds each call.
    """

    def __init__(self, base_url: str, account: str, secret: str, outbound: Outbound, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._account = account
        self._secret = secret
        self._outbound = outbound
        self._timeout_s = timeout_s

    async def buy(self, order: Order) -> Answer:
        asked = OrderIn(order.reference, order.sku, order.quantity, order.max_unit_cost)
        try:
            reply = await self._call("POST", "/v1/orders", msgspec.json.encode(asked))
            if refusal := _refusal(reply):
                return _failed(refusal)
            told = _told(reply, OrderOut)
        except NotSent as error:
            return Answer(Outcome.FAILED, fault=Fault.UNREACHABLE, detail=_brief(str(error)))
        except OutboundError as error:
            return _unknown(error)
        if (told.sku, told.quantity) != (order.sku, order.quantity):
            return _unknown(BadAnswer("an order for something else"))
        return _answer(told, order.reference)

    async def find(self, reference: str) -> Answer:
        try:
            reply = await self._call("GET", f"/v1/orders/{quote(reference, safe='')}")
            if refusal := _refusal(reply):
                # Only "no such order" tells what became of it; any other refusal is about this question.
                if refusal.error is Refused.NO_SUCH_ORDER:
                    return _failed(refusal)
                return Answer(Outcome.UNKNOWN, fault=Fault.REFUSED, detail=_said(refusal))
            told = _told(reply, OrderOut)
        except OutboundError as error:
            return _unknown(error)
        return _answer(told, reference)

    async def goods(self) -> Sequence[SupplierGood]:
        told = await self._read("/v1/goods", Goods)
        return [SupplierGood(good.sku, good.name, good.cost, good.stock) for good in told.goods]

    async def stock(self, sku: str) -> int | None:
        return (await self._read(f"/v1/goods/{quote(sku, safe='')}/stock", Stock)).stock

    async def balance_cents(self) -> int:
        return (await self._read("/v1/balance", Balance)).balance_cents

    async def _read(self, path: str, expected: type[T]) -> T:
        try:
            reply = await self._call("GET", path)
            if refusal := _refusal(reply):
                raise SupplierUnavailable(Fault.REFUSED, _said(refusal))
            return _told(reply, expected)
        except OutboundError as error:
            raise SupplierUnavailable(_fault(error), _brief(str(error))) from error

    async def _call(self, method: str, path: str, body: bytes = b"") -> Reply:
        url = self._base_url + path
        target = urlsplit(url).path
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
            max_body_bytes=LARGEST_CATALOGUE_BYTES,
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
        return _unknown(BadAnswer("an order with another reference"))
    if told.status is OrderStatus.PENDING:
        return Answer(Outcome.PENDING, told.order_no, cost_cents=told.cost_cents)
    if len(told.cards) != told.quantity or not all(told.cards):
        return _unknown(BadAnswer(f"{len(told.cards)} cards for {told.quantity}"))
    return Answer(Outcome.DELIVERED, told.order_no, tuple(told.cards), told.cost_cents)


def _failed(refusal: Refusal) -> Answer:
    return Answer(Outcome.FAILED, fault=FAULT_OF.get(refusal.error, Fault.REFUSED), detail=_said(refusal))


def _unknown(error: OutboundError) -> Answer:
    return Answer(Outcome.UNKNOWN, fault=_fault(error), detail=_brief(str(error)))


def _fault(error: OutboundError) -> Fault:
    match error:
        case NotSent():
            return Fault.UNREACHABLE
        case NoAnswer():
            return Fault.TIMEOUT
        case _:
            return Fault.UNREADABLE


def _said(refusal: Refusal) -> str:
    return _brief(f"{refusal.error}: {refusal.detail}" if refusal.detail else refusal.error)


def _brief(words: str) -> str:
    """At most 200 printable characters, as `Answer.detail` promises."""
    return "".join(letter for letter in words if letter.isprintable())[:200]
