"""What an order can run into."""

from kameng.core.errors import Conflict, NotFound, Refused


class OrderGone(NotFound):
    message = "There is no such order, or it belongs to somebody else."


class SoldOut(Refused):
    message = "Sold out. You have not been charged."


class QuantityOutOfRange(Refused):
    message = "Choose between %(least)s and %(most)s."


class NotRefundable(Conflict):
    message = "Only an order that is paid and not delivered can be refunded."


class PlacedAlready(Conflict):
    """The same form arrived twice at the same moment; the first one became the order."""

    message = "This order has been placed already."
