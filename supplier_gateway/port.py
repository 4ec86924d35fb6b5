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
    REFUSED = "refused"
    NOT_FOUND = "not_found"  # asked by reference: the supplier has no such order
    UNREADABLE = "unreadable"  # an answer that is not of the protocol


class SupplierGood(Struct, frozen=True):
    """One line of a supplier's catalogue. `cost` in yuan for one unit; `stock` None when it is not told."""

    sku: str
    name: str
    cost: Decimal
    stock: int | None


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

    A top-up has no cards: `delivered_quantity` says how many units are done, and `message` what the buyer may read.
    """

    outcome: Outcome
    supplier_order_no: str = ""
    cards: tuple[str, ...] = ()
    cost_cents: int = 0
    fault: Fault | None = None
    message: str = ""
    delivered_quantity: int = 0
    detail: str = ""  # the supplier's words, at most 200 characters, for the operator only


class SupplierAdapter(Protocol):
    """One protocol of one supplier account. No method raises for what happens on the wire: `Answer` says it.

    `goods`, `stock` and `balance_cents` raise `SupplierUnavailable`.
    """

    async def buy(self, order: Order) -> Answer: ...

    async def find(self, reference: str) -> Answer:
        """What became of the order with our `reference`. `FAILED` with `NOT_FOUND` when there is none."""
        ...

    async def goods(self) -> Sequence[SupplierGood]: ...

    async def stock(self, sku: str) -> int | None: ...

    async def balance_cents(self) -> int: ...


class SupplierUnavailable(Exception):
    """The supplier did not answer a question that changes nothing. Carries a `Fault` and the detail."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault
        self.detail = detail
