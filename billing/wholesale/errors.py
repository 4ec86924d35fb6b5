"""What can go wrong with tiers and prices."""

from kameng.core.errors import Conflict, NotFound, Refused


class TierGone(NotFound):
    message = "There is no such tier."


class TierNameTaken(Conflict):
    message = "There is a tier of this name already."


class BadPrice(Refused):
    message = "A price is more than 0 and has at most four decimals."


class ChangeGone(NotFound):
    message = "There is no such change of prices."


class ChangeOver(Conflict):
    """It was applied, cancelled or discarded in the meantime."""

    message = "This change has been decided on already. Look at what became of it."


class NothingChanges(Refused):
    message = "Nothing would change: these are the prices that hold already."


class SellsAtLoss(Refused):
    """A price is below the good's cost, and nobody has confirmed it."""

    message = "%(good)s costs us %(cost)s now, and would be sold for %(price)s. Confirm the loss, or change the price."


class SpecialGone(NotFound):
    message = "There is no such special price, or it has ended."


class SpecialOverlaps(Conflict):
    message = "The station has another special price for %(good)s at that time. End it first, or choose another period."


class TooEarly(Refused):
    message = "Choose a time to come."
