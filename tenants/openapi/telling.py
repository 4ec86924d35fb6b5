"""An order in the protocol's words: its status, and what was delivered."""

from collections.abc import Sequence
from typing import Any

from tenants.orders.service import Order
from tenants.orders.states import State

# Our states in the protocol's words.
STATUS = {
    State.UNPAID: "pending",
    State.PAID: "paid",
    State.WAITING: "paid",
    State.DELIVERED: "completed",
    State.PARTIAL: "completed",
    State.EXPIRED: "canceled",
    State.CANCELLED: "canceled",
    State.REFUNDED: "canceled",
}
DELIVERED = (State.DELIVERED, State.PARTIAL)


def fulfillment(order: Order, keys: Sequence[str]) -> dict[str, Any] | None:
    """The cards, one a line; where there are none, what was done in words. None while nothing has come."""
    payload = "\n".join(keys) or order.message
    if order.delivered_at is None or not payload:
        return None
    return {
        "type": "auto",
        "status": "delivered",
        "payload": payload,
        "delivery_data": None,
        "delivered_at": order.delivered_at.isoformat(),
    }
