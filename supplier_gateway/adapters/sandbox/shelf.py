"""The sandbox supplier's goods, wallet and orders. One event loop: a method is one atomic step."""

import secrets
import time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import msgspec
from msgspec import Struct, field

from kameng.infra.serve import Expected
from supplier_gateway.adapters.sandbox.protocol import Good, OrderIn, OrderOut, OrderStatus, Refused

CARD_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing a reader mistakes for another

DEMO_GOODS = (
    Good("steam-50", "Steam 充值卡 50 元", Decimal("47.20"), 500),
    Good("steam-100", "Steam 充值卡 100 元", Decimal("93.80"), 500),
    Good("genshin-monthly", "原神 空月祝福 月卡", Decimal("27.50"), 800),
    Good("honor-60", "王者荣耀 60 点券", Decimal("5.64"), 2000),
    Good("qq-vip-month", "QQ 会员月卡", Decimal("8.90"), 1000),
    Good("mobile-30", "全国移动话费 30 元", Decimal("29.4150"), 1000),
)


class RefusedError(Expected):
    """The supplier says no, definitely, and has changed nothing."""

    def __init__(self, error: Refused, detail: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail


class Placed(Struct):
    """An order that was paid. `ready_at` in Unix seconds; `requests` counts how often it was asked for."""

    order_no: str
    asked: OrderIn
    cost_cents: int
    cards: list[str]
    ready_at: float
    requests: int = 1

    def shown(self) -> OrderOut:
        ready = time.time() >= self.ready_at
        return OrderOut(
            order_no=self.order_no,
            reference=self.asked.reference,
            sku=self.asked.sku,
            quantity=self.asked.quantity,
            status=OrderStatus.DELIVERED if ready else OrderStatus.PENDING,
            cost_cents=self.cost_cents,
            cards=self.cards if ready else [],
        )


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

    def place(self, asked: OrderIn, *, delivers_after_s: float = 0) -> Placed:
        """Sells, once per reference: a repeat is the first order. Raises `RefusedError`."""
        if earlier := self.orders.get(asked.reference):
            if (earlier.asked.sku, earlier.asked.quantity) != (asked.sku, asked.quantity):
                raise RefusedError(Refused.REFERENCE_USED, "for another sku or quantity")
            earlier.requests += 1
            return earlier
        good = self.good(asked.sku)
        cost_cents = cents(good.cost * asked.quantity)
        if good.cost > asked.max_unit_cost:
            raise RefusedError(Refused.PRICE, f"one unit costs {good.cost}")
        if good.stock < asked.quantity:
            raise RefusedError(Refused.OUT_OF_STOCK, f"{good.stock} left")
        if self.balance_cents < cost_cents:
            raise RefusedError(Refused.BALANCE, f"{self.balance_cents} cents left")
        good.stock -= asked.quantity
        self.balance_cents -= cost_cents
        placed = Placed(
            order_no=f"SBX{len(self.orders) + 1:010d}",
            asked=asked,
            cost_cents=cost_cents,
            cards=[new_card() for _ in range(asked.quantity)],
            ready_at=time.time() + delivers_after_s,
        )
        self.orders[asked.reference] = placed
        return placed

    def find(self, reference: str) -> Placed:
        """Raises `RefusedError` (no_such_order)."""
        if reference not in self.orders:
            raise RefusedError(Refused.NO_SUCH_ORDER)
        return self.orders[reference]


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
