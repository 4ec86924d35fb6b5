"""The gateway's side of the fourth version's open interface (acg-faka calls it connection type 1).

`Api-Id` and `Api-Signature` in the header, the same digest over the form. An article number is `<item>:<sku_id>`. There
is no question about an order: when the answer to a trade is lost, the purchase is unknown until a person looks.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from hashlib import md5
from typing import Any

from kameng.core.money import MAX_CENTS, total_cents
from kameng.infra.http import BadAnswer, Outbound, OutboundError
from supplier_gateway.adapters import wire
from supplier_gateway.adapters.acg import catalogue, config
from supplier_gateway.adapters.acg.client import EXISTS, delivered, is_sentence, meant
from supplier_gateway.adapters.acg.protocol import Said, listed, record, text_of, told
from supplier_gateway.adapters.acg.signing import Form, flat, sign
from supplier_gateway.port import (
    Answer,
    Called,
    CallRefused,
    Fault,
    GoodsPage,
    Greeting,
    Order,
    Outcome,
    SupplierGood,
    SupplierUnavailable,
)

ASKING_SHARE = 0.35  # of the time for one buying


class Acg4Adapter:
    """One account at one shop; implements `supplier_gateway.port.SupplierAdapter`."""

    def __init__(self, base_url: str, api_id: str, api_key: str, outbound: Outbound, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/") + "/plugin/open-api/"
        self._api_id = api_id
        self._api_key = api_key
        self._outbound = outbound
        self._timeout_s = timeout_s

    async def buy(self, order: Order) -> Answer:
        item_id, _, sku_id = order.sku.partition(":")
        try:
            names, price = await asyncio.gather(self._names(order, item_id), self._price(sku_id, order.quantity))
        except Said as no:
            return wire.failed(meant(str(no)), str(no))
        except OutboundError as error:  # we have only asked
            return wire.failed(wire.fault_of(error), str(error))
        if price > order.max_unit_cost * order.quantity:
            return wire.failed(Fault.PRICE, f"{order.quantity} cost {price}")
        form: Form = {
            "sku_id": sku_id,
            "quantity": order.quantity,
            "trade_no": trade_no(order.reference),
            **{names[label]: value for label, value in order.inputs.items() if names.get(label)},
        }
        try:
            made = record(await self._call("trade", form, 1 - ASKING_SHARE))
            if (cost_cents := total_cents(price, 1)) > MAX_CENTS:
                raise BadAnswer("an amount that makes no sense")
            contents = text_of(made, "contents")
            if is_sentence(contents):
                return Answer(Outcome.UNKNOWN, fault=Fault.NO_QUESTION, detail=wire.brief(contents))
            return delivered(order, trade_no(order.reference), contents, cost_cents)
        except Said as no:
            if any(word in str(no).lower() for word in EXISTS):
                return Answer(Outcome.UNKNOWN, fault=Fault.NO_QUESTION, detail=wire.brief(str(no)))
            return wire.failed(meant(str(no)), str(no))
        except OutboundError as error:
            return wire.not_bought(error)

    async def find(self, reference: str, *, order_no: str = "", order: Order | None = None) -> Answer:
        return Answer(Outcome.UNKNOWN, fault=Fault.NO_QUESTION)

    async def goods(self, cursor: str = "") -> GoodsPage:
        """The whole catalogue: the protocol has no pages."""
        items = listed(await self._read("items", {}))
        return GoodsPage([good for item in items if isinstance(item, dict) for good in _goods(item)])

    async def stock(self, sku: str) -> int | None:
        answer = await self._read("sku/stock", {"sku_id": sku.partition(":")[2]})
        text = str(answer.get("stock", "")) if isinstance(answer, dict) else ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    async def balance_cents(self) -> int:
        return (await self._connect())[1]

    async def greet(self) -> Greeting:
        return Greeting(*await self._connect())

    def heard(self, called: Called) -> str:
        raise CallRefused("these shops do not call back")

    async def _names(self, order: Order, item_id: str) -> Mapping[str, str]:
        """The posted names of the fields by their labels; asked for only where the buyer filled something in."""
        if not order.inputs:
            return {}
        item = record(await self._call("item", {"id": item_id}, ASKING_SHARE))
        return {catalogue.label_of(widget): str(widget.get("name") or "") for widget in catalogue.widgets(item)}

    async def _price(self, sku_id: str, quantity: int) -> Decimal:
        answer = record(await self._call("amount", {"sku_id": sku_id, "quantity": quantity}, ASKING_SHARE))
        price = config.yuan(answer.get("amount"))
        if price is None:
            raise BadAnswer("no price")
        return price

    async def _connect(self) -> tuple[str, int]:
        answer = await self._read("connect", {})
        balance = config.yuan(answer.get("balance")) if isinstance(answer, dict) else None
        if balance is None:
            raise SupplierUnavailable(Fault.UNREADABLE, "no balance")
        return wire.brief(str(answer.get("username") or "")), total_cents(balance, 1)

    async def _read(self, path: str, form: Form) -> Any:
        try:
            return await self._call(path, form)
        except Said as no:
            raise SupplierUnavailable(meant(str(no)), wire.brief(str(no))) from no
        except OutboundError as error:
            raise wire.unavailable(error) from error

    async def _call(self, path: str, form: Form, share: float = 1) -> Any:
        """Raises `Said`, `OutboundError`."""
        reply = await self._outbound.request(
            "POST",
            self._base_url + path,
            data=dict(flat(form)),
            headers={"Api-Id": self._api_id, "Api-Signature": sign(form, self._api_key)},
            timeout_s=self._timeout_s * share,
            max_body_bytes=wire.CATALOGUE_BYTES if path == "items" else wire.ORDER_BYTES,
        )
        return told(reply)


def trade_no(reference: str) -> str:
    """The 24 signs that the protocol has for a reference."""
    return md5(reference.encode(), usedforsecurity=False).hexdigest()[:24]


def _goods(item: dict[str, Any]) -> list[SupplierGood]:
    category = item.get("category")
    try:
        asked, number, name = catalogue.fields(item), text_of(item, "id"), text_of(item, "name")
        return [
            SupplierGood(
                f"{number}:{text_of(sku, 'id')}",
                f"{name} {text_of(sku, 'name')}".strip(),
                cost,
                int(stock) if (stock := text_of(sku, "stock")).isascii() and stock.isdigit() else None,
                category=str(category.get("name") or "") if isinstance(category, dict) else "",
                item=number,
                variant=text_of(sku, "name"),
                fields=asked,
            )
            for sku in listed(item.get("sku"))
            if isinstance(sku, dict) and (cost := config.yuan(sku.get("stock_price"))) is not None
        ]
    except BadAnswer:  # one article that cannot be read hides no other
        return []
