"""The gateway's side of the acg-faka shared store.

What the protocol cannot do, and what follows:

* It has no highest price. The price is asked right before the trade, and nothing is bought above what we allow; a
  change in between shows in the trade's `amount`.
* It has no question by our reference. When the answer to a trade is lost, nobody can be asked: the purchase is unknown
  until a person looks at the shop. A trade repeated with the same `request_no` is an error there, which says that it
  exists; it is not tried, since two that arrive together could both be made.
* `query` tells neither the state of the delivery nor the cost. An article delivered by hand answers the trade with a
  sentence in place of the cards; its digest and the cost stand behind the order's number (`20260101#3f2a9c01d4be#950`),
  and while `query` tells the same sentence, the order is pending.
* An article delivered by itself does the same when its cards were sold to somebody else while we paid, and a shop that
  itself resells another's article passes on that one's sentence. Known sentences (`SENTENCES`) are never a card.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from kameng.core.money import MAX_CENTS, total_cents
from kameng.infra.http import BadAnswer, Outbound, OutboundError
from supplier_gateway.adapters import wire
from supplier_gateway.adapters.acg import article, catalogue, config
from supplier_gateway.adapters.acg.article import Article
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
    SupplierUnavailable,
)

MARK = "#"
ASKING_SHARE = 0.35  # of the time for one buying: the questions before it; the rest is the trade's
WORDS = (  # of the shop's refusals, Chinese in every version that is out there
    (Fault.OUT_OF_STOCK, ("库存", "抢走", "售罄")),
    (Fault.BALANCE, ("余额",)),
    (Fault.INPUT, ("联系方式", "格式", "请填写", "请输入")),
)
SENTENCES = ("联系客服", "耐心等待", "正在发货", "抢走")  # of the shop's own, where cards should stand
EXISTS = ("request id", "request_no", "请求id", "请求已存在", "重复")


class AcgAdapter:
    """One account at one shop; implements `supplier_gateway.port.SupplierAdapter`. `app_id` is the account's number."""

    def __init__(self, base_url: str, app_id: str, app_key: str, outbound: Outbound, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._app_id = app_id
        self._app_key = app_key
        self._outbound = outbound
        self._timeout_s = timeout_s

    async def buy(self, order: Order) -> Answer:
        try:
            wanted = article.read(order.sku)
            item, price = await asyncio.gather(self._item(wanted.code), self._price(wanted, order.quantity))
        except ValueError:
            return wire.failed(Fault.REFUSED, "the article number cannot be read")
        except Said as no:
            return wire.failed(meant(str(no)), str(no))
        except OutboundError as error:  # we have only asked
            return wire.failed(wire.fault_of(error), str(error))
        if price > order.max_unit_cost * order.quantity:
            return wire.failed(Fault.PRICE, f"{order.quantity} cost {price}")
        return await self._trade(order, wanted, item)

    async def find(self, reference: str, *, order_no: str = "", order: Order | None = None) -> Answer:
        trade_no, _, memory = order_no.partition(MARK)
        if not trade_no or order is None:
            return Answer(Outcome.UNKNOWN, fault=Fault.NO_QUESTION)
        waiting, _, cost = memory.partition(MARK)
        try:
            found = record(await self._call("/shared/commodity/query", {"tradeNo": trade_no}))
            secret = text_of(found, "secret")
            if not secret.strip() or _digest(secret) == waiting or is_sentence(secret):
                return Answer(Outcome.PENDING, order_no)
            # Where the trade's answer could not be read, all that is known of the cost is what we allowed.
            allowed = total_cents(order.max_unit_cost, order.quantity)
            return delivered(order, trade_no, secret, int(cost) if cost.isdigit() else allowed)
        except Said as no:
            return Answer(Outcome.UNKNOWN, order_no, fault=Fault.REFUSED, detail=wire.brief(str(no)))
        except OutboundError as error:
            return wire.unknown(error)

    async def goods(self, cursor: str = "") -> GoodsPage:
        """The whole catalogue: the protocol has no pages."""
        categories = listed(await self._read("/shared/commodity/items", {}))
        found = [
            good
            for category in categories
            if isinstance(category, dict)
            for item in listed(category.get("children"))
            if isinstance(item, dict)
            for good in self._goods(str(category.get("name") or ""), item)
        ]
        return GoodsPage(found)

    async def stock(self, sku: str) -> int | None:
        try:
            wanted = article.read(sku)
        except ValueError as error:
            raise SupplierUnavailable(Fault.REFUSED, "the article number cannot be read") from error
        answer = await self._read("/shared/commodity/stock", {"code": wanted.code, **_variant(wanted)})
        try:
            text = text_of(record(answer), "stock")
        except BadAnswer as error:
            raise wire.unavailable(error) from error
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    async def balance_cents(self) -> int:
        return (await self._connect())[1]

    async def greet(self) -> Greeting:
        return Greeting(*await self._connect())

    def heard(self, called: Called) -> str:
        raise CallRefused("these shops do not call back")

    async def drafts(self, sku: str, page: int = 1) -> list[tuple[int, str]]:
        """Cards of an article that may be chosen, number and what is shown of each; the number goes into the article as
        `card_id`. Raises `SupplierUnavailable`."""
        wanted = article.read(sku)
        form: Form = {"code": wanted.code, "race": wanted.race, "page": page, "limit": 50}
        answer = await self._read("/shared/commodity/draftCard", form)
        cards = listed(answer.get("data", answer.get("list")) if isinstance(answer, dict) else answer)
        return [
            (int(card["id"]), str(card.get("draft") or ""))
            for card in cards
            if isinstance(card, dict) and str(card.get("id")).isdigit()
        ]

    async def _trade(self, order: Order, wanted: Article, item: Mapping[str, Any]) -> Answer:
        form: dict[str, Any] = {
            "shared_code": wanted.code,
            "contact": order.reference,
            "num": order.quantity,
            "card_id": wanted.card_id,
            "device": 0,
            "password": "",
            **_variant(wanted),
            "request_no": order.reference,
            **_inputs(order, item),
        }
        order_no = ""
        try:
            made = record(await self._call("/shared/commodity/trade", form, 1 - ASKING_SHARE))
            order_no = trade_no = text_of(made, "tradeNo")[:64]
            if not trade_no:
                raise BadAnswer("a trade without a number")
            cost_cents, secret = _cents(made), text_of(made, "secret")
            order_no = MARK.join((trade_no, "", str(cost_cents)))
            if text_of(dict(item), "delivery_way") == catalogue.MANUAL or is_sentence(secret):
                order_no = MARK.join((trade_no, _digest(secret), str(cost_cents)))
                return Answer(Outcome.PENDING, order_no, cost_cents=cost_cents)
            return delivered(order, trade_no, secret, cost_cents)
        except Said as no:
            if any(word in str(no).lower() for word in EXISTS):
                return Answer(Outcome.UNKNOWN, fault=Fault.NO_QUESTION, detail=wire.brief(str(no)))
            return wire.failed(meant(str(no)), str(no))
        except OutboundError as error:
            return replace(wire.not_bought(error), supplier_order_no=order_no)

    async def _item(self, code: str) -> dict[str, Any]:
        return catalogue.one(await self._call("/shared/commodity/item", {"code": code}, ASKING_SHARE))

    async def _price(self, wanted: Article, quantity: int) -> Decimal:
        """Yuan for all of it, with its ladder, its options and the surcharge of a chosen card."""
        form: Form = {"code": wanted.code, "num": quantity, "card_id": wanted.card_id, **_variant(wanted)}
        answer = record(await self._call("/shared/commodity/valuation", form, ASKING_SHARE))
        price = config.yuan(answer.get("price"))
        if price is None:
            raise BadAnswer("no price")
        return price

    async def _connect(self) -> tuple[str, int]:
        answer = await self._read("/shared/authentication/connect", {})
        balance = config.yuan(answer.get("balance")) if isinstance(answer, dict) else None
        if balance is None:
            raise SupplierUnavailable(Fault.UNREADABLE, "no balance")
        return wire.brief(str(answer.get("shopName") or "")), total_cents(balance, 1)

    def _goods(self, category: str, item: dict[str, Any]) -> list[Any]:
        try:
            return list(catalogue.goods(category, item))
        except BadAnswer:  # one article that cannot be read hides no other
            return []

    async def _read(self, path: str, form: Form) -> Any:
        try:
            return await self._call(path, form)
        except Said as no:
            raise SupplierUnavailable(meant(str(no)), wire.brief(str(no))) from no
        except OutboundError as error:
            raise wire.unavailable(error) from error

    async def _call(self, path: str, form: Form, share: float = 1) -> Any:
        """One call, within that share of the account's time. Raises `Said`, `OutboundError`."""
        posted: dict[str, Any] = {**form, "app_id": self._app_id, "app_key": self._app_key}
        posted["sign"] = sign(posted, self._app_key)
        reply = await self._outbound.request(
            "POST",
            self._base_url + path,
            data=dict(flat(posted)),
            timeout_s=self._timeout_s * share,
            max_body_bytes=wire.CATALOGUE_BYTES if path.endswith("/items") else wire.ORDER_BYTES,
        )
        return told(reply)


def delivered(order: Order, trade_no: str, secret: str, cost_cents: int) -> Answer:
    """Raises `BadAnswer`."""
    if order.kind == "topup":
        return Answer(
            Outcome.DELIVERED, trade_no, (), cost_cents, message=secret.strip(), delivered_quantity=order.quantity
        )
    cards = split(secret, order.quantity)
    return Answer(Outcome.DELIVERED, trade_no, cards, cost_cents, delivered_quantity=len(cards))


def is_sentence(secret: str) -> bool:
    """Whether the shop says something to its buyer in place of the cards."""
    return any(words in secret for words in SENTENCES)


def split(secret: str, quantity: int) -> tuple[str, ...]:
    """The cards in one text: a line each; of a single card all lines are its own. Raises `BadAnswer`."""
    lines = [line.strip() for line in secret.splitlines() if line.strip()]
    cards = (" ".join(lines),) if quantity == 1 and lines else tuple(lines)
    wire.check_delivery(Outcome.DELIVERED, cards, len(cards), quantity, 0)
    return cards


def _variant(wanted: Article) -> dict[str, Any]:
    return {"race": wanted.race, "sku": dict(wanted.options)}


def _inputs(order: Order, item: Mapping[str, Any]) -> dict[str, str]:
    """The buyer's inputs by the names of the shop's widgets."""
    names = {catalogue.label_of(widget): str(widget.get("name") or "") for widget in catalogue.widgets(item)}
    return {names[label]: value for label, value in order.inputs.items() if names.get(label)}


def _cents(made: Mapping[str, Any]) -> int:
    amount = config.yuan(made.get("amount"))
    if amount is None or (cents := total_cents(amount, 1)) > MAX_CENTS:
        raise BadAnswer("an amount that makes no sense")
    return cents


def _digest(secret: str) -> str:
    return sha256(secret.strip().encode()).hexdigest()[:12]


def meant(words: str) -> Fault:
    return next((fault for fault, signs in WORDS if any(sign in words for sign in signs)), Fault.REFUSED)
