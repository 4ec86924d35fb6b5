"""The sandbox supplier's goods, wallet and orders. One event loop: a method is one atomic step."""

import re
import secrets
import time
from bisect import bisect_right
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import msgspec
from msgspec import Struct, field

from kameng.infra.serve import Expected
from supplier_gateway.adapters.sandbox.protocol import (
    Field,
    Good,
    Goods,
    OrderIn,
    OrderOut,
    OrderStatus,
    Refused,
)
from supplier_gateway.adapters.staging.switchboard import TRUE, Twist

PAGE = 100
CARD_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing a reader mistakes for another

DEMO_GOODS = (
    Good("steam-50", "Steam 充值卡 50 元", Decimal("47.20"), 500),
    Good("steam-100", "Steam 充值卡 100 元", Decimal("93.80"), 500),
    Good("genshin-monthly", "原神 空月祝福 月卡", Decimal("27.50"), 800),
    Good("honor-60", "王者荣耀 60 点券", Decimal("5.64"), 2000),
    Good("qq-vip-month", "QQ 会员月卡", Decimal("8.90"), 1000),
    Good("mobile-30", "全国移动话费 30 元", Decimal("29.4150"), 1000),
    Good(
        "qq-coins-10",
        "Q 币 10 个（直充）",
        Decimal("9.60"),
        5000,
        kind="topup",
        category="游戏/腾讯",
        fields=[Field("QQ 号", r"[1-9][0-9]{4,11}", "5 到 12 位数字")],
        max_quantity=100,
        takes_s=2,
    ),
)


class RefusedError(Expected):
    """The supplier says no, definitely, and has changed nothing."""

    def __init__(self, error: Refused, detail: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail


class Placed(Struct):
    """An order that was paid, or is: `cards` of `units` of those asked for, which are what `cost_cents` is for.
    `ready_at` in Unix seconds; `requests` counts how often it was asked for. With `fails` it ends without delivery.
    """

    order_no: str
    asked: OrderIn
    cost_cents: int
    cards: list[str]
    ready_at: float
    requests: int = 1
    units: int = 0
    is_topup: bool = False
    fails: bool = False

    def __post_init__(self) -> None:
        self.units = self.units or self.asked.quantity

    def shown(self) -> OrderOut:
        status = self.status()
        done = status in (OrderStatus.DELIVERED, OrderStatus.PARTIAL)
        return OrderOut(
            order_no=self.order_no,
            reference=self.asked.reference,
            sku=self.asked.sku,
            quantity=self.asked.quantity,
            status=status,
            cost_cents=0 if status is OrderStatus.FAILED else self.cost_cents,
            cards=self.cards if done else [],
            delivered_quantity=self.units if done else 0,
            message=f"充值成功 {self.order_no}" if done and self.is_topup else "",
            detail="the account could not be topped up" if status is OrderStatus.FAILED else "",
        )

    def status(self) -> OrderStatus:
        if time.time() < self.ready_at:
            return OrderStatus.PENDING
        if self.fails:
            return OrderStatus.FAILED
        return OrderStatus.DELIVERED if self.units == self.asked.quantity else OrderStatus.PARTIAL


class Shelf(Struct):
    """All that the supplier remembers. `orders` is keyed by the buyer's reference, oldest first."""

    balance_cents: int = 100_000_000
    goods: dict[str, Good] = field(default_factory=lambda: {good.sku: good for good in DEMO_GOODS})
    orders: dict[str, Placed] = field(default_factory=dict)

    def good(self, sku: str) -> Good:
        """Raises `RefusedError` (no_such_good)."""
        if sku not in self.goods:
            raise RefusedError(Refused.NO_SUCH_GOOD, f"sku {sku[:64]}")
        return self.goods[sku]

    def page(self, cursor: str) -> Goods:
        """The goods after the one that `cursor` names."""
        names = sorted(self.goods)
        rest = names[bisect_right(names, cursor) :]
        shown = rest[:PAGE]
        return Goods([self.goods[sku] for sku in shown], shown[-1] if len(rest) > PAGE else "")

    def place(self, asked: OrderIn, twist: Twist = TRUE) -> Placed:
        """Sells, once per reference: a repeat is the first order. Raises `RefusedError`."""
        if earlier := self.orders.get(asked.reference):
            if (earlier.asked.sku, earlier.asked.quantity) != (asked.sku, asked.quantity):
                raise RefusedError(Refused.REFERENCE_USED, "for another sku or quantity")
            earlier.requests += 1
            return earlier
        good = self.good(asked.sku)
        units = asked.quantity - 1 if twist.short else asked.quantity
        unit_cost = good.cost * 2 if twist.dearer else good.cost
        cost_cents = cents(unit_cost * units)
        _check_inputs(good, asked)
        if unit_cost > asked.max_unit_cost:
            raise RefusedError(Refused.PRICE, f"one unit costs {unit_cost}")
        if good.stock < asked.quantity or units < 1:
            raise RefusedError(Refused.OUT_OF_STOCK, f"{good.stock} left")
        if self.balance_cents < cost_cents:
            raise RefusedError(Refused.BALANCE, f"{self.balance_cents} cents left")
        good.stock -= units
        if not twist.fails:
            self.balance_cents -= cost_cents
        placed = Placed(
            order_no=f"SBX{len(self.orders) + 1:010d}",
            asked=asked,
            cost_cents=cost_cents,
            cards=[] if good.kind == "topup" else [new_card() for _ in range(units)],
            ready_at=time.time() + max(twist.delivers_after_s, good.takes_s),
            units=units,
            is_topup=good.kind == "topup",
            fails=twist.fails,
        )
        self.orders[asked.reference] = placed
        return placed

    def find(self, reference: str) -> Placed:
        """Raises `RefusedError` (no_such_order)."""
        if reference not in self.orders:
            raise RefusedError(Refused.NO_SUCH_ORDER)
        return self.orders[reference]


def _check_inputs(good: Good, asked: OrderIn) -> None:
    for one in good.fields:
        given = asked.inputs.get(one.label, "")
        if not given or (one.pattern and not re.fullmatch(one.pattern, given)):
            raise RefusedError(Refused.INPUT, one.label)


def cents(yuan: Decimal) -> int:
    """Yuan to cents, half up."""
    return int((yuan * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def new_card() -> str:
    """A card such as `SBX-7K2M-QW9X-4HTD`: 60 random bits, so no two are ever alike."""
    groups = ("".join(secrets.choice(CARD_LETTERS) for _ in range(4)) for _ in range(3))
    return "-".join(("SBX", *groups))


def load(path: Path) -> Shelf:
    """The shelf kept in a file, or a fresh one where there is none yet."""
    return msgspec.json.decode(path.read_bytes(), type=Shelf) if path.exists() else Shelf()


def save(shelf: Shelf, path: Path) -> None:
    """Writes the whole shelf beside the file and swaps it in: a crash leaves the old one or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(msgspec.json.encode(shelf))
    beside.replace(path)
