"""What an order can run into."""

from kameng.core.errors import Conflict, NotFound, Refused


class OrderGone(NotFound):
    message = "There is no such order, or it belongs to somebody else."


class NotTakingOrders(Refused):
    """The station is overdue, or this month's orders of its plan are used up. Buyers are not told which."""

    message = "This shop takes no new orders at the moment. What is paid for is delivered as usual."


class SoldOut(Refused):
    message = "Sold out. You have not been charged."


class QuantityOutOfRange(Refused):
    message = "Choose between %(least)s and %(most)s."


class NotRefundable(Conflict):
    message = "Only an order that is paid and not delivered can be refunded."


class PlacedAlready(Conflict):
    """The same form arrived twice at the same moment; the first one became the order."""

    message = "This order has been placed already."
