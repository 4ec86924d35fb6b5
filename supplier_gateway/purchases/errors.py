"""What can go wrong with a purchase."""

from kameng.core.errors import Conflict, NotFound


class PurchaseGone(NotFound):
    message = "There is no such purchase."


class StillAlive(Conflict):
    """Buying again now could buy twice."""

    message = "A purchase for this order is under way or has delivered. Nothing was bought."


class NotYours(Conflict):
    """The supplier may yet tell by itself; nobody is to decide for it."""

    message = (
        "The supplier is still being asked about this purchase. It can be settled by hand after %(minutes)s minutes."
    )


class SettledAlready(Conflict):
    message = "This purchase is settled already. Nothing was changed."
