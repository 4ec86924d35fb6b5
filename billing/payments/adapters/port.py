"""What a payment provider is to the rest of billing. One object speaks for one merchant account.

Amounts are integer cents (fen) of CNY. `payment_no` is ours; `gateway_no` is the provider's.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class PayRequest(Struct, frozen=True):
    """One payment to ask for. `method` is the provider's own word; empty lets the buyer choose there.

    Put the ids of order and channel into the *path* of `notify_url`: its query is not signed.
    """

    payment_no: str
    name: str
    amount_cents: int
    notify_url: str
    return_url: str
    method: str = ""


class Notice(Struct, frozen=True):
    """A payment that the provider says was made; signature, merchant and state are already verified."""

    payment_no: str
    gateway_no: str
    amount_cents: int
    method: str

    def check(self, payment_no: str, amount_cents: int) -> None:
        """That it is about this payment and its whole amount. Raises `NotifyRefused`."""
        if self.payment_no != payment_no:
            raise NotifyRefused("payment_no")
        if self.amount_cents != amount_cents:
            raise NotifyRefused("amount")


class NotifyRefused(Exception):
    """A notice that must not be believed. `reason` names the wrong field: for the log, not for the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"notice refused: {reason}")
        self.reason = reason


class PayStatus(StrEnum):
    PAID = "paid"
    UNPAID = "unpaid"
    REFUNDED = "refunded"  # paid, and all of it given back
    UNKNOWN = "unknown"  # no answer, or one that we cannot read: ask again


class GatewayState(Struct, frozen=True):
    """What the provider says when asked. `amount_cents` and `gateway_no` are there when it is paid.

    `detail` is for the operator, at most 200 characters.
    """

    status: PayStatus
    amount_cents: int | None = None
    gateway_no: str = ""
    detail: str = ""


class RefundOutcome(StrEnum):
    DONE = "done"
    FAILED = "failed"  # the provider said no: nothing was given back
    NOT_SENT = "not_sent"  # the provider heard nothing of it
    UNKNOWN = "unknown"  # no answer, or one that we cannot read: it may have been given back


class Refunded(Struct, frozen=True):
    """What came of asking for a refund; `detail` is for people, at most 200 characters."""

    outcome: RefundOutcome
    detail: str = ""


class PaymentProvider(Protocol):
    """One merchant account at one provider."""

    def pay_url(self, request: PayRequest) -> str:
        """Where to send the buyer's browser. Raises `ValueError` for what the provider cannot express."""
        ...

    def read_notify(self, params: Mapping[str, str]) -> Notice:
        """The verified notice; then `Notice.check` it against the payment. Raises `NotifyRefused`."""
        ...

    async def query(self, payment_no: str) -> GatewayState:
        """How the payment stands at the provider. Raises nothing for what happens on the wire."""
        ...

    async def refund(self, payment_no: str, amount_cents: int) -> Refunded:
        """Gives back `amount_cents` of a payment to whoever paid. A provider may know no reference for a refund, so the
        same call twice may be two refunds, unless it is for the whole payment. Raises nothing for what happens on the
        wire.
        """
        ...
