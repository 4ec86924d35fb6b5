"""Numbers that people type or links carry. What cannot be one is not looked up."""

import re

from billing.payments.errors import PaymentGone
from tenants.orders.errors import OrderGone

ORDER_NO = re.compile(r"[0-9]{6}-[0-9A-Z]{10}")
BASKET_NO = re.compile(r"B[0-9]{6}-[0-9A-Z]{10}")
PAYMENT_NO = re.compile(r"P[0-9]{6}[0-9A-Z]{12}")


def order_no(text: str) -> str:
    """An order's number as it is stored. Raises `OrderGone`."""
    no = text.strip().upper()
    if not ORDER_NO.fullmatch(no):
        raise OrderGone
    return no


def basket_no(text: str) -> str:
    """A basket's number. Raises `OrderGone`."""
    no = text.strip().upper()
    if not BASKET_NO.fullmatch(no):
        raise OrderGone
    return no


def payment_no(text: str) -> str:
    """A payment's number. Raises `PaymentGone`."""
    if not PAYMENT_NO.fullmatch(text):
        raise PaymentGone
    return text
