"""What others may have done with orders: placed, charged, delivered, ended. The caller opens the transaction; nothing
commits. The work is in `selling` (a sale is one commit) and `moving` (what comes after it)."""

from tenants.orders.drafts import WALLET, Discount, Item, OrderDraft, Placed
from tenants.orders.events import OrderMoved, OrderPaid, OrderPlaced
from tenants.orders.models import Order
from tenants.orders.moving import (
    BY_HAND,
    cancel,
    deliver,
    deliver_by_hand,
    deliver_from_stock,
    end_part,
    expire,
    hand_over,
    refund,
    wait,
    watch,
)
from tenants.orders.selling import charge, place, place_all

__all__ = [
    "BY_HAND",
    "WALLET",
    "Discount",
    "Item",
    "Order",
    "OrderDraft",
    "OrderMoved",
    "OrderPaid",
    "OrderPlaced",
    "Placed",
    "cancel",
    "charge",
    "deliver",
    "deliver_by_hand",
    "deliver_from_stock",
    "end_part",
    "expire",
    "hand_over",
    "place",
    "place_all",
    "refund",
    "wait",
    "watch",
]
