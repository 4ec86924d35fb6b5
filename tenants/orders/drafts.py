"""What goes into `place`, and what comes out of it."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from tenants.orders.states import State

WALLET = "wallet"
LONGEST_CHANNEL = 9  # digits; an int of four bytes


class OrderDraft(Struct, frozen=True, kw_only=True):
    """What the buyer sends. `pay_method` is `wallet` or the number of a payment channel; `request_key` is made with
    the form, so that the same form sent twice is one order; `card_id` is a card that the buyer chose, `coupon` the code
    that he wrote."""

    product_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    pay_method: Annotated[str, Meta(min_length=1, max_length=20)]
    request_key: Annotated[str, Meta(min_length=16, max_length=64)]
    contact: Annotated[str, Meta(max_length=100)] = ""
    card_id: UUID | None = None
    coupon: Annotated[str, Meta(max_length=40)] = ""

    @property
    def channel_id(self) -> int | None:
        """The payment channel's number; None for the wallet, and for what no channel is called."""
        said = self.pay_method
        is_number = said.isascii() and said.isdigit() and len(said) <= LONGEST_CHANNEL
        return int(said) if is_number else None


class Discount(Struct, frozen=True):
    """What a coupon takes off one order, in cents."""

    coupon_id: int
    cents: int


class Item(Struct, frozen=True, kw_only=True):
    """One line to be placed: the draft, what was filled in for the product's fields (as `inputs.check` takes it), and
    what a coupon takes off it."""

    draft: OrderDraft
    inputs: Mapping[str, str] = {}
    discount: Discount | None = None


class Placed(Struct, frozen=True):
    """What became of a draft."""

    id: UUID
    no: str
    state: State
    total_cents: int
