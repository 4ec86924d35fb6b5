"""The shop's articles, wallet and orders. One event loop: a method is one atomic step."""

import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from hashlib import md5

from msgspec import Struct, field

from kameng.infra.serve import Expected
from supplier_gateway.adapters.acg import config
from supplier_gateway.adapters.staging.switchboard import TRUE, Twist

WORKING = "正在发货中，请耐心等待，如有疑问，请联系客服。"
SOLD_MEANWHILE = "很抱歉，有人在你付款之前抢走了商品，请联系客服。"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class ShopError(Expected):
    """The shop says no, in words: any code but 200."""


class Widget(Struct):
    """A field that the buyer fills in. `cn` is what he sees, `name` what is posted."""

    cn: str
    name: str
    type: str = "text"
    placeholder: str = ""
    regex: str = ""
    error: str = ""


class Item(Struct):
    """An article. `price` and `user_price` in yuan; `config` as `supplier_gateway.adapters.acg.config` reads it;
    `delivery_way` 0 by itself, 1 by hand. With `takes_s` the order has a sentence in place of cards for so long."""

    code: str
    name: str
    category: str
    user_price: str
    stock: int = 1000
    price: str = "99"
    config: str = ""
    widgets: list[Widget] = []
    delivery_way: int = 0
    takes_s: float = 0
    minimum: int = 0
    maximum: int = 0
    drafts: dict[int, str] = {}
    draft_premium: str = "1"

    @property
    def number(self) -> int:
        """The article's number in the fourth version."""
        return int(md5(self.code.encode(), usedforsecurity=False).hexdigest()[:7], 16)


class Wanted(Struct, frozen=True):
    """What a question or a trade is about."""

    code: str
    num: int
    race: str = ""
    sku: Mapping[str, str] = {}
    card_id: int = 0


class Order(Struct):
    """An order that was paid, `cards` of which are told from `ready_at` on, in Unix seconds."""

    reference: str
    order_no: str
    sku: str
    quantity: int
    cost_cents: int
    cards: list[str]
    ready_at: float
    inputs: dict[str, str]
    sentence: str
    requests: int = 1

    @property
    def is_ready(self) -> bool:
        return time.time() >= self.ready_at

    @property
    def secret(self) -> str:
        return "\n".join(self.cards) if self.is_ready else self.sentence


DEMO_ITEMS = (
    Item("STEAM100", "Steam 充值卡 100 元", "游戏点卡", "92.5"),
    Item(
        "VIDEO",
        "视频会员",
        "影音",
        "9",
        config="[category]\n月卡=10\n年卡=98\n[category_wholesale]\n月卡.10=9.5\n月卡.50=9\n[sku]\n地区.国内=0\n地区.海外=2.5",
    ),
    Item(
        "PHONE50", "话费 50 元（人工）", "充值", "48.9",
        widgets=[Widget("手机号", "phone", "number", "11 位手机号", "^1[3-9][0-9]{9}$", "手机号格式不正确")],
        delivery_way=1, takes_s=5,
    ),
    Item("GAMEID", "游戏账号（可自选）", "账号", "30", drafts={7: "区服一 等级 60", 8: "区服二 等级 45"}),
)  # fmt: skip


class Shelf(Struct):
    """All that the shop remembers. `orders` is keyed by `request_no`, oldest first."""

    balance_cents: int = 100_000_000
    items: dict[str, Item] = field(default_factory=lambda: {item.code: item for item in DEMO_ITEMS})
    orders: dict[str, Order] = field(default_factory=dict)

    def item(self, code: str) -> Item:
        """Raises `ShopError`."""
        if code not in self.items:
            raise ShopError("商品不存在")
        return self.items[code]

    def price(self, wanted: Wanted, twist: Twist = TRUE) -> Decimal:
        """Yuan for all of it. Raises `ShopError`."""
        item = self.item(wanted.code)
        sections = config.read(item.config)
        unit = Decimal(item.user_price)
        steps = sections.get("wholesale", {})
        if "category" in sections:
            if wanted.race not in sections["category"]:
                raise ShopError("请选择商品种类")
            unit = Decimal(sections["category"][wanted.race])
            steps = sections.get("category_wholesale", {}).get(wanted.race, {})
        for quantity, price in config.ladder(steps):
            unit = price if wanted.num >= quantity else unit
        for name, choices in sections.get("sku", {}).items():
            if wanted.sku.get(name) not in choices:
                raise ShopError(f"请选择{name}")
            unit += Decimal(choices[wanted.sku[name]])
        if wanted.card_id:
            unit += Decimal(item.draft_premium)
        return unit * wanted.num * (2 if twist.dearer else 1)

    def trade(self, wanted: Wanted, reference: str, inputs: Mapping[str, str], twist: Twist = TRUE) -> Order:
        """Sells, once for each reference: a repeat is an error. Raises `ShopError`."""
        if reference in self.orders:
            self.orders[reference].requests += 1
            raise ShopError("The request ID already exists")
        item = self.item(wanted.code)
        for widget in item.widgets:
            if not inputs.get(widget.name):
                raise ShopError(f"请填写{widget.cn}")
        cost_cents = int(self.price(wanted, twist) * 100)
        if wanted.num < max(1, item.minimum) or (item.maximum and wanted.num > item.maximum):
            raise ShopError("购买数量不正确")
        units = wanted.num - int(twist.short)
        if item.stock < wanted.num or units < 1:
            raise ShopError("库存不足")
        if wanted.card_id and item.drafts.pop(wanted.card_id, None) is None:
            raise ShopError("该卡已被他人抢走啦")
        if self.balance_cents < cost_cents:
            raise ShopError("余额不足")
        item.stock -= wanted.num
        self.balance_cents -= cost_cents
        order = Order(
            reference=reference,
            order_no=f"{time.strftime('%Y%m%d')}{len(self.orders) + 1:08d}",
            sku=wanted.code,
            quantity=wanted.num,
            cost_cents=cost_cents,
            cards=[new_card() for _ in range(units)],
            ready_at=time.time() + max(twist.delivers_after_s, item.takes_s),
            inputs=dict(inputs),
            sentence=WORKING if item.delivery_way or twist.delivers_after_s else SOLD_MEANWHILE,
        )
        self.orders[reference] = order
        return order

    def order(self, order_no: str) -> Order:
        """Raises `ShopError`."""
        for order in self.orders.values():
            if order.order_no == order_no:
                return order
        raise ShopError("订单不存在")


def new_card() -> str:
    """A card such as `ACG-7K2M-QW9X-4HTD`: 60 random bits."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
    return "-".join(("ACG", *groups))
