"""What others import from the supplier gateway: requests, receipts, errors, and the door of an adapter.

Amounts are integer cents (fen) of CNY; unit costs are `Decimal` yuan. A tenant and its order are known here
only by opaque references.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Outcome(StrEnum):
    """How one purchase stands, as far as we know.

    `UNKNOWN` is the answer to every timeout and every reply we cannot read: the supplier may or may not have
    delivered. It is resolved by `SupplierAdapter.find`, never by buying again.
    """

    DELIVERED = "delivered"
    PARTIAL = "partial"  # definite: some units, and no more will come
    FAILED = "failed"  # definite: the supplier says no, or the request never left this machine
    PENDING = "pending"  # the supplier has it and is still working
    UNKNOWN = "unknown"


class Fault(StrEnum):
    """Why a purchase failed or is not known. Words for the machine; pages translate them."""

    UNREACHABLE = "unreachable"  # no connection: nothing was sent
    TIMEOUT = "timeout"
    OUT_OF_STOCK = "out_of_stock"
    BALANCE = "balance"  # our wallet at the supplier does not cover it
    PRICE = "price"  # it costs more than we allowed, so nothing was bought
    INPUT = "input"  # the account, the area, whatever the buyer filled in is wrong
    REFUSED = "refused"
    NOT_FOUND = "not_found"  # asked by reference: the supplier has no such order
    NO_QUESTION = "no_question"  # it cannot be asked by our reference: a person has to look
    UNREADABLE = "unreadable"  # an answer that is not of the protocol


class GoodField(Struct, frozen=True):
    """What a buyer has to fill in for a good; `label` is its name in `Order.inputs`. `pattern` may be empty."""

    label: str
    kind: str = "text"
    required: bool = True
    pattern: str = ""
    hint: str = ""


class SupplierGood(Struct, frozen=True):
    """One line of a supplier's catalogue: what one offer is for. `cost` in yuan for one unit; `stock` None when it is
    not told.

    `item` is the supplier's article where several lines are variants of one, `variant` which of them. `ladder` holds
    (from this quantity, yuan for one unit), the smallest quantity first.
    """

    sku: str
    name: str
    cost: Decimal
    stock: int | None
    kind: str = "cards"  # or `topup`
    category: str = ""
    item: str = ""
    variant: str = ""
    fields: tuple[GoodField, ...] = ()
    min_quantity: int = 1
    max_quantity: int | None = None
    ladder: tuple[tuple[int, Decimal], ...] = ()


class GoodsPage(Struct, frozen=True):
    """Some of a catalogue. An empty `next_cursor`: these were the last."""

    goods: Sequence[SupplierGood]
    next_cursor: str = ""


class Order(Struct, frozen=True):
    """One buying. `reference` is ours, kept for ever, and makes a repeat harmless at suppliers that honour it."""

    reference: str
    sku: str
    quantity: int
    max_unit_cost: Decimal
    kind: str = "cards"  # or `topup`: nothing to hand over, a thing is done for the account in `inputs`
    inputs: Mapping[str, str] = {}  # what the buyer filled in, by the field's label


class Answer(Struct, frozen=True):
    """What the supplier said of one order. `cards` holds plain secrets: store them encrypted, never log them.

    `DELIVERED` has all that was asked for, `PARTIAL` some of it: `cost_cents` is for these. A top-up has no cards:
    `delivered_quantity` says how many units are done, and `message` what the buyer may read. Of cards,
    `delivered_quantity` is their number.
    """

    outcome: Outcome
    supplier_order_no: str = ""
    cards: tuple[str, ...] = ()
    cost_cents: int = 0
    fault: Fault | None = None
    message: str = ""
    delivered_quantity: int = 0
    detail: str = ""  # the supplier's words, at most 200 characters, for the operator only


class Greeting(Struct, frozen=True):
    """What a supplier says to whoever tests the connection. `balance_cents` None where accounts have none."""

    shop_name: str
    balance_cents: int | None


class Called(Struct, frozen=True):
    """A callback of a supplier as it came. `target` is path and query; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class CallRefused(Exception):
    """A callback that the account's supplier cannot have sent."""


class SupplierAdapter(Protocol):
    """One protocol of one supplier account. No method raises for what happens on the wire: `Answer` says it.

    `goods`, `stock`, `balance_cents` and `greet` raise `SupplierUnavailable`. What a protocol can do stands in
    `supplier_gateway.adapters.registry`.
    """

    async def buy(self, order: Order) -> Answer: ...

    async def find(self, reference: str, *, order_no: str = "", order: Order | None = None) -> Answer:
        """What became of the order with our `reference`. `FAILED` with `NOT_FOUND` when there is none.

        `order` is what was asked for, and `order_no` the supplier's number of an earlier answer, as it stood there: it
        may hold more than people would call a number. A protocol that knows no reference of ours asks by these, and
        answers `UNKNOWN` without them. Every `FAILED` is definite; a supplier that cannot be asked now is `UNKNOWN`.
        """
        ...

    async def goods(self, cursor: str = "") -> GoodsPage:
        """The catalogue from `cursor` on, which is the `next_cursor` of the page before."""
        ...

    async def stock(self, sku: str) -> int | None: ...

    async def balance_cents(self) -> int: ...

    async def greet(self) -> Greeting:
        """That the account works, and with whom."""
        ...

    def heard(self, called: Called) -> str:
        """Our reference in a callback. Raises `CallRefused` for one that is not authentic, or where the protocol
        has none. What it says is never believed: it is a reason to `find`.
        """
        ...


class SupplierUnavailable(Exception):
    """The supplier did not answer a question that changes nothing. Carries a `Fault` and the detail."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault
        self.detail = detail
