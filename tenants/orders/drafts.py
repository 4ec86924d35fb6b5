"""What goes into `place`, and what comes out of it."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from kameng.core.errors import Invalid, KamengError
from kameng.web.form_fields import Secret
from tenants.orders.states import State

WALLET = "wallet"
OF_LINE = frozenset({None, "quantity", "card_id"})
LONGEST_CHANNEL = 9  # digits; an int of four bytes


class OrderDraft(Struct, frozen=True, kw_only=True):
    """What the buyer sends. `pay_method` is `wallet` or the number of a payment channel; `request_key` is made with
    the form, so that the same form sent twice is one order; `card_id` is a card that the buyer chose, `coupon` the code
    that he wrote; `line` is what a form of several products calls this one in the names of its fields;
    `query_password` opens the order elsewhere (`passwords`)."""

    product_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    pay_method: Annotated[str, Meta(min_length=1, max_length=20)]
    request_key: Annotated[str, Meta(min_length=16, max_length=64)]
    contact: Annotated[str, Meta(max_length=100)] = ""
    card_id: UUID | None = None
    query_password: Secret = ""
    coupon: Annotated[str, Meta(max_length=40)] = ""
    line: Annotated[str, Meta(max_length=20)] = ""

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


def field_of(draft: OrderDraft, field: str) -> str:
    """A field of the draft's as its form names it: `quantity`, or `quantity.12` of the line 12; `inputs.12.0`."""
    if not draft.line:
        return field
    name, dot, place = field.partition(".")
    return f"{name}.{draft.line}{dot}{place}"


def at_line(draft: OrderDraft, error: KamengError) -> KamengError:
    """The error at the line's own fields. What is about the way to pay or the coupon is about all lines."""
    if not draft.line:
        return error
    if isinstance(error, Invalid):
        return Invalid({field_of(draft, name): said for name, said in error.errors.items()})
    if error.field in OF_LINE:
        error.field = field_of(draft, error.field or "quantity")
    return error
