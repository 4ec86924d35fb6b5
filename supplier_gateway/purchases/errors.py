"""What can go wrong with a purchase."""

from kameng.core.errors import NotFound


class PurchaseGone(NotFound):
    message = "There is no such purchase."
