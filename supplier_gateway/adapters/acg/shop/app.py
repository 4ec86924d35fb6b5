"""The shop's routes: `/shared` as acg-faka has them, `/plugin/open-api` as its fourth version, `/control` to stage."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Controller, Litestar, Request, Response, Router, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.enums import MediaType
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from kameng.core.money import to_yuan
from kameng.infra.serve import tell_surprise
from supplier_gateway.adapters.acg import config, signing
from supplier_gateway.adapters.acg.shop.shelf import Item, Shelf, ShopError, Wanted
from supplier_gateway.adapters.staging.faults import Call, FaultKind
from supplier_gateway.adapters.staging.switchboard import Faults, Reply, Switchboard, Twist

SHOP_NAME = "演示发卡网"
CONTROL_HEADER = "x-control-token"
REFUSALS: dict[FaultKind, Callable[[], Exception]] = {
    FaultKind.OUT_OF_STOCK: lambda: ShopError("库存不足"),
    FaultKind.BALANCE: lambda: ShopError("余额不足"),
    FaultKind.REFUSED: lambda: ShopError("商品已下架"),
}
ERROR_BODY = {"error": "SQLSTATE[HY000] [2002] Connection refused"}
FIELDS_OF_TRADE = {
    "shared_code", "contact", "num", "card_id", "device", "password", "race", "sku", "request_no", "app_id", "app_key",
    "sign", "sku_id", "quantity", "trade_no",
}  # fmt: skip

AnyRequest = Request[Any, Any, Any]
Fields = dict[str, Any]


class Account(Struct, frozen=True):
    """The one customer of the shop, and the token of its control API."""

    app_id: str
    app_key: str
    control_token: str

    def check_control(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        """A guard. Raises `NotAuthorizedException`."""
        given = connection.headers.get(CONTROL_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.control_token.encode()):
            raise NotAuthorizedException("wrong or missing control token")

    async def form(self, request: AnyRequest) -> Fields:
        """The posted fields, signed within the form or, in the fourth version, in a header. Raises `ShopError`."""
        posted = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        form = signing.nested(posted)
        app_id = str(form.get("app_id", request.headers.get("api-id", "")))
        given = str(form.get("sign", request.headers.get("api-signature", "")))
        right = signing.sign(form, self.app_key)
        if app_id != self.app_id or not hmac.compare_digest(right.encode(), given.encode()):
            raise ShopError("签名错误")
        return dict(form)


class Placed(Struct):
    """An order as the control API lists it."""

    reference: str
    order_no: str
    sku: str
    quantity: int
    cost_cents: int
    cards: list[str]
    inputs: dict[str, str]
    requests: int


class Balance(Struct):
    balance_cents: int


Handle = Callable[[Shelf, Fields, Twist], object]


def _connect(shelf: Shelf, _: Fields, __: Twist) -> object:
    return {"shopName": SHOP_NAME, "balance": _yuan(shelf.balance_cents)}


def _items(shelf: Shelf, _: Fields, __: Twist) -> object:
    categories: dict[str, list[Item]] = {}
    for item in shelf.items.values():
        categories.setdefault(item.category, []).append(item)
    return [
        {"id": number, "name": name, "children": [_item_shown(item) for item in items]}
        for number, (name, items) in enumerate(categories.items(), 1)
    ]


def _item(shelf: Shelf, form: Fields, _: Twist) -> object:
    return _item_shown(shelf.item(str(form.get("code", ""))))


def _stock(shelf: Shelf, form: Fields, _: Twist) -> object:
    return {"stock": str(shelf.item(str(form.get("code", ""))).stock)}


def _state(shelf: Shelf, form: Fields, _: Twist) -> object:
    wanted = _wanted(form)
    if shelf.item(wanted.code).stock < wanted.num:
        raise ShopError("库存不足")
    return None


def _inventory(shelf: Shelf, form: Fields, _: Twist) -> object:
    item = shelf.item(str(form.get("sharedCode", "")))
    return {
        "count": item.stock,
        "price": item.price,
        "user_price": item.user_price,
        "factory_price": item.user_price,
        "config": item.config,
        "is_category": "category" in config.read(item.config),
    }


def _valuation(shelf: Shelf, form: Fields, _: Twist) -> object:
    return {"price": str(shelf.price(_wanted(form)))}


def _draft_cards(shelf: Shelf, form: Fields, _: Twist) -> object:
    drafts = shelf.item(str(form.get("code", ""))).drafts
    return {"data": [{"id": number, "draft": shown} for number, shown in drafts.items()], "total": len(drafts)}


def _draft(shelf: Shelf, form: Fields, _: Twist) -> object:
    item = shelf.item(str(form.get("code", "")))
    return {"draft_premium": item.draft_premium}


def _trade(shelf: Shelf, form: Fields, twist: Twist) -> object:
    inputs = {name: str(value) for name, value in form.items() if name not in FIELDS_OF_TRADE}
    order = shelf.trade(_wanted(form), str(form.get("request_no", "")), inputs, twist)
    return {
        "tradeNo": order.order_no,
        "amount": _yuan(order.cost_cents),
        "secret": order.secret,
        "stock": str(shelf.item(order.sku).stock),
        "url": f"/user/index/query?tradeNo={order.order_no}",
        "leave_message": None,
    }


def _query(shelf: Shelf, form: Fields, _: Twist) -> object:
    order = shelf.order(str(form.get("tradeNo", "")))
    return {"secret": order.secret, "widget": order.inputs or None, "status": 1}


SHARED: dict[str, tuple[Call, Handle]] = {
    "authentication/connect": (Call.READ, _connect),
    "commodity/items": (Call.READ, _items),
    "commodity/item": (Call.READ, _item),
    "commodity/stock": (Call.READ, _stock),
    "commodity/inventoryState": (Call.READ, _state),
    "commodity/inventory": (Call.READ, _inventory),
    "commodity/valuation": (Call.READ, _valuation),
    "commodity/draftCard": (Call.READ, _draft_cards),
    "commodity/draft": (Call.READ, _draft),
    "commodity/trade": (Call.BUY, _trade),
    "commodity/query": (Call.FIND, _query),
}


def _v4_connect(shelf: Shelf, _: Fields, __: Twist) -> object:
    return {"username": SHOP_NAME, "balance": _yuan(shelf.balance_cents)}


def _v4_items(shelf: Shelf, _: Fields, __: Twist) -> object:
    return [_v4_shown(item) for item in shelf.items.values() if item.delivery_way == 0]


def _v4_item(shelf: Shelf, form: Fields, _: Twist) -> object:
    return _v4_shown(_v4_find(shelf, int(form.get("id", 0)))[0])


def _v4_state(shelf: Shelf, form: Fields, _: Twist) -> object:
    item, _race = _v4_find(shelf, int(form.get("sku_id", 0)))
    return {"state": item.stock >= int(form.get("quantity", 1))}


def _v4_stock(shelf: Shelf, form: Fields, _: Twist) -> object:
    return {"stock": str(_v4_find(shelf, int(form.get("sku_id", 0)))[0].stock)}


def _v4_amount(shelf: Shelf, form: Fields, _: Twist) -> object:
    return {"amount": str(shelf.price(_v4_wanted(shelf, form)))}


def _v4_trade(shelf: Shelf, form: Fields, twist: Twist) -> object:
    inputs = {name: str(value) for name, value in form.items() if name not in FIELDS_OF_TRADE}
    order = shelf.trade(_v4_wanted(shelf, form), str(form.get("trade_no", "")), inputs, twist)
    return {"trade_no": order.order_no, "contents": order.secret}


V4: dict[str, tuple[Call, Handle]] = {
    "connect": (Call.READ, _v4_connect),
    "items": (Call.READ, _v4_items),
    "item": (Call.READ, _v4_item),
    "sku/state": (Call.READ, _v4_state),
    "sku/stock": (Call.READ, _v4_stock),
    "amount": (Call.READ, _v4_amount),
    "trade": (Call.BUY, _v4_trade),
}


class Store(Controller):
    """Both families of addresses; any answer has the status 200 and its own code."""

    path = "/"

    @post("/shared/{path:path}", status_code=200)
    async def shared(
        self,
        path: FromPath[str],
        request: AnyRequest,
        shelf: NamedDependency[Shelf],
        account: NamedDependency[Account],
        switchboard: NamedDependency[Switchboard],
    ) -> Reply:
        return await _answer(SHARED, path, request, shelf, account, switchboard)

    @post("/plugin/open-api/{path:path}", status_code=200)
    async def open_api(
        self,
        path: FromPath[str],
        request: AnyRequest,
        shelf: NamedDependency[Shelf],
        account: NamedDependency[Account],
        switchboard: NamedDependency[Switchboard],
    ) -> Reply:
        return await _answer(V4, path, request, shelf, account, switchboard)


class Control(Controller):
    """As the sandbox supplier's: each POST sets what it names and answers with what now holds."""

    path = "/control"

    @get("/orders")
    async def orders(self, shelf: NamedDependency[Shelf]) -> list[Placed]:
        """Every order ever made, oldest first."""
        names = Placed.__struct_fields__
        return [Placed(**{name: getattr(order, name) for name in names}) for order in shelf.orders.values()]

    @post("/items", status_code=200)
    async def items(self, shelf: NamedDependency[Shelf], data: list[Item]) -> list[Item]:
        """Adds articles, or replaces those with the same code."""
        shelf.items.update({item.code: item for item in data})
        return list(shelf.items.values())

    @post("/balance", status_code=200)
    async def balance(self, shelf: NamedDependency[Shelf], data: Balance) -> Balance:
        shelf.balance_cents = data.balance_cents
        return data


@get("/healthz", media_type=MediaType.TEXT)
async def healthz() -> str:
    return "ok"


def build(shelf: Shelf, account: Account) -> Litestar:
    switchboard = Switchboard(REFUSALS, ERROR_BODY)
    return Litestar(
        route_handlers=[
            healthz,
            Store,
            Router("/", route_handlers=[Control, Faults], guards=[account.check_control]),
        ],
        dependencies={
            "shelf": Provide(lambda: shelf, sync_to_thread=False),
            "account": Provide(lambda: account, sync_to_thread=False),
            "switchboard": Provide(lambda: switchboard, sync_to_thread=False),
        },
        exception_handlers={ShopError: _refusal},
        after_exception=[tell_surprise],
        openapi_config=None,
        logging_config=None,
    )


async def _answer(
    table: Mapping[str, tuple[Call, Handle]],
    path: str,
    request: AnyRequest,
    shelf: Shelf,
    account: Account,
    switchboard: Switchboard,
) -> Reply:
    form = await account.form(request)
    if path.strip("/") not in table:
        raise ShopError("404")
    call, handle = table[path.strip("/")]

    def act(twist: Twist) -> object:
        return {"code": 200, "msg": "success", "data": handle(shelf, form, twist)}

    return await switchboard.answer(call, act)


def _refusal(_: AnyRequest, error: ShopError) -> Response[Any]:
    return Response({"code": 500, "msg": str(error)}, status_code=200)


def _wanted(form: Fields) -> Wanted:
    options = form.get("sku")
    return Wanted(
        code=str(form.get("shared_code", form.get("code", ""))),
        num=_number(form, "num"),
        race=str(form.get("race", "")),
        sku={name: str(value) for name, value in options.items()} if isinstance(options, dict) else {},
        card_id=_number(form, "card_id"),
    )


def _number(form: Fields, name: str) -> int:
    text = str(form.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() else 0


def _item_shown(item: Item) -> dict[str, Any]:
    """PHP writes an article with its widgets as a text of JSON."""
    return {
        "code": item.code,
        "name": item.name,
        "price": float(item.price),
        "user_price": item.user_price,
        "factory_price": 0 if item.config else item.user_price,
        "config": item.config,
        "widget": msgspec.json.encode(item.widgets).decode() if item.widgets else None,
        "delivery_way": item.delivery_way,
        "stock": str(item.stock),
        "minimum": item.minimum,
        "maximum": item.maximum,
        "seckill_status": 0,
        "draft_status": int(bool(item.drafts)),
        "draft_premium": item.draft_premium,
    }


def _v4_shown(item: Item) -> dict[str, Any]:
    races = config.read(item.config).get("category", {"": item.user_price})
    widgets = [
        {"title": one.cn, "name": one.name, "type": one.type, "placeholder": one.placeholder, "regex": one.regex}
        for one in item.widgets
    ]
    return {
        "id": item.number,
        "name": item.name,
        "introduce": "",
        "picture_url": "",
        "category": {"name": item.category},
        "widget": msgspec.json.encode(widgets).decode() if widgets else "",
        "sku": [
            {"id": item.number + place, "name": race or "默认", "stock_price": price, "stock": str(item.stock)}
            for place, (race, price) in enumerate(races.items())
        ],
    }


def _v4_find(shelf: Shelf, number: int) -> tuple[Item, str]:
    for item in shelf.items.values():
        races = list(config.read(item.config).get("category", {"": ""}))
        if 0 <= number - item.number < len(races):
            return item, races[number - item.number]
    raise ShopError("商品不存在")


def _v4_wanted(shelf: Shelf, form: Fields) -> Wanted:
    item, race = _v4_find(shelf, _number(form, "sku_id"))
    first = {name: next(iter(choices)) for name, choices in config.read(item.config).get("sku", {}).items()}
    return Wanted(item.code, _number(form, "quantity"), race, first)


def _yuan(cents: int) -> str:
    return str(to_yuan(cents))
