"""The protocol of the sandbox supplier, version 1: JSON over HTTP, every request signed.

Our own protocol; it exists so that the sandbox shows what a good one looks like.

Signing. Each request under `/v1` carries four headers: `X-Account`, `X-Timestamp` (Unix seconds, at most 300
away from the supplier's clock), `X-Nonce` (8 to 64 characters, never used twice) and `X-Signature`, the
lower-case hex HMAC-SHA256 under the account's secret of these lines, joined by line feeds::

    METHOD
    PATH?QUERY      as sent, with `?` only when there is a query
    TIMESTAMP
    NONCE
    SHA256-HEX of the body

Amounts. `cost` and `max_unit_cost` are decimal yuan for one unit, written as JSON strings; `*_cents` are
integers. An order costs `cost` times `quantity`, rounded half up to a cent.

Calls:

=============================  =============================================================================
GET /v1/goods?cursor=C         `{"goods": [Good], "next_cursor"}`, 100 at most; an empty cursor begins and ends
GET /v1/goods/{sku}/stock      `{"sku", "stock"}`
GET /v1/balance                `{"balance_cents", "shop_name"}`
POST /v1/orders                `OrderIn` -> `OrderOut`. A repeated `reference` returns the first order.
GET /v1/orders/{reference}     `OrderOut`
=============================  =============================================================================

A good of the kind `topup` delivers no cards: it is done for what stands in the order's `inputs`, by the labels of the
good's `fields`. An order may end `partial`: fewer units than asked for, charged for these, no more will come; or
`failed` after it was accepted: the money is back.

Callbacks. Where an order names a `callback_url`, the supplier posts `CallbackOut` there when an accepted order has
ended, signed with the same four headers. A callback may come twice, late or never: it is a reason to ask.

A refusal is `{"error", "detail"}` and is definite, nothing was done: 400 `invalid` or `input` (what the buyer
filled in), 401 `signature`, 402 `balance`, 404 `no_such_good` or `no_such_order`, 409 `out_of_stock`, `price` (the
cost is above `max_unit_cost`) or `reference_used` (by an order for something else). A 5xx says nothing of what was
done.
"""

import hmac
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta, Struct

ACCOUNT_HEADER = "x-account"
TIMESTAMP_HEADER = "x-timestamp"
NONCE_HEADER = "x-nonce"
SIGNATURE_HEADER = "x-signature"
LARGEST_SKEW_S = 300
LARGEST_YUAN = 10_000_000

Reference = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Sku = Annotated[str, Meta(pattern=r"^[^/]{1,64}$")]  # it stands in a path


class Refused(StrEnum):
    """The word in `error`."""

    INVALID = "invalid"
    INPUT = "input"
    SIGNATURE = "signature"
    BALANCE = "balance"
    NO_SUCH_GOOD = "no_such_good"
    NO_SUCH_ORDER = "no_such_order"
    OUT_OF_STOCK = "out_of_stock"
    PRICE = "price"
    REFUSED = "refused"
    REFERENCE_USED = "reference_used"


class OrderStatus(StrEnum):
    PENDING = "pending"  # paid and accepted; no cards yet
    DELIVERED = "delivered"
    PARTIAL = "partial"
    FAILED = "failed"


class Field(Struct):
    """What a top-up asks the buyer for; the whole input fits `pattern`, unless that is empty."""

    label: Annotated[str, Meta(min_length=1, max_length=40)]
    pattern: Annotated[str, Meta(max_length=200)] = ""
    hint: str = ""


class Good(Struct):
    """`cost` in yuan for one unit, at most four decimals. `takes_s` is how long the supplier works on an order."""

    sku: Sku
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    cost: Decimal
    stock: Annotated[int, Meta(ge=0)]
    kind: Literal["cards", "topup"] = "cards"
    category: str = ""
    fields: list[Field] = []
    min_quantity: Annotated[int, Meta(ge=1)] = 1
    max_quantity: Annotated[int, Meta(ge=1)] | None = None
    takes_s: Annotated[float, Meta(ge=0, le=600)] = 0

    def __post_init__(self) -> None:
        _check_yuan("cost", self.cost)


class Goods(Struct):
    goods: list[Good]
    next_cursor: str = ""


class Stock(Struct):
    sku: str
    stock: int


class Balance(Struct):
    balance_cents: int
    shop_name: str = ""


class OrderIn(Struct):
    """`max_unit_cost` in yuan: the supplier refuses rather than charge more."""

    reference: Reference
    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    max_unit_cost: Decimal
    inputs: dict[str, Annotated[str, Meta(max_length=500)]] = {}
    callback_url: Annotated[str, Meta(max_length=500)] = ""

    def __post_init__(self) -> None:
        _check_yuan("max_unit_cost", self.max_unit_cost)


class OrderOut(Struct):
    """`cards` holds the secrets once delivered, none before; `cost_cents` is for all that is or will be delivered.
    `delivered_quantity` counts the units of a top-up, `message` is for the buyer, `detail` for us."""

    order_no: str
    reference: str
    sku: str
    quantity: int
    status: OrderStatus
    cost_cents: int
    cards: list[str]
    delivered_quantity: int = 0
    message: str = ""
    detail: str = ""


class CallbackOut(Struct):
    """What is called back: how the order `reference` stands."""

    reference: str
    order_no: str
    status: OrderStatus


class Refusal(Struct):
    error: Refused
    detail: str = ""


def _check_yuan(name: str, yuan: Decimal) -> None:
    """msgspec knows no limits for a decimal; a NaN would pass every comparison with a budget."""
    if not yuan.is_finite() or not 0 <= yuan < LARGEST_YUAN:
        raise ValueError(f"{name} is not an amount of yuan")


def sign(secret: str, method: str, target: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature of one request; `target` is path and query as sent. `ValueError` without a secret."""
    if not secret:
        raise ValueError("an empty secret signs nothing")
    lines = "\n".join((method, target, timestamp, nonce, sha256(body).hexdigest()))
    return hmac.new(secret.encode(), lines.encode(), sha256).hexdigest()
