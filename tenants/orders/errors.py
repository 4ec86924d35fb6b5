"""What an order can run into."""

from kameng.core.errors import Conflict, NotFound, Refused


class OrderGone(NotFound):
    message = "There is no such order, or it belongs to somebody else."


class NotTakingOrders(Refused):
    """The station is overdue, or this month's orders of its plan are used up. Buyers are not told which."""

    message = "This shop takes no new orders at the moment. What is paid for is delivered as usual."


class SoldOut(Refused):
    message = "Sold out. You have not been charged."


class CardTaken(Refused):
    """Somebody else has just taken the card that the buyer chose."""

    message = "Somebody has just taken this one. Choose another; you have not been charged."


class QuantityOutOfRange(Refused):
    message = "Choose between %(least)s and %(most)s."


class LimitReached(Refused):
    """What one buyer may have of a product, over all of his orders or in a day."""

    message = "One buyer can have %(most)s of this; you have %(had)s already."


class DailyLimitReached(LimitReached):
    message = "One buyer can have %(most)s of this in a day; you have %(had)s already. Come back tomorrow."


class TooManyUnpaid(Refused):
    message = "You have %(most)s orders to be paid. Pay or cancel one of them first."


class LevelTooLow(Refused):
    message = "This is kept for buyers of a higher level."


class NotOnSaleNow(Refused):
    message = "It is not on sale at this time."


class BelowFloor(Refused):
    """A discount would bring the price below what the order costs, or below what the master or the owner allows."""

    message = "This coupon cannot be used for this order: the price would fall too low."


class NotRefundable(Conflict):
    message = "Only an order that is paid and not delivered can be refunded."


class NotCancellable(Conflict):
    message = "Only an order that is not paid can be cancelled."


class NotDeliverable(Conflict):
    message = "Only an order that is paid and waits can be delivered."


class PlacedAlready(Conflict):
    """The same form arrived twice at the same moment; the first one became the order."""

    message = "This order has been placed already."


class KeysKnown(Refused):
    """What a person would hand over is a card that was sold before, or that the shop still sells."""

    message = "Some of these keys were sold before, or lie in your stock. Nothing was delivered."
