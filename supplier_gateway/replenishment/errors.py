"""What can go wrong with a replenishment."""

from kameng.core.errors import Conflict, NotFound


class ReplenishmentGone(NotFound):
    message = "There is no such replenishment."


class NotWanted(Conflict):
    message = "This was ordered or put away already. Nothing was changed."


class OnItsWay(Conflict):
    message = "Cards of this good are on their way already."


class NoOwnStock(Conflict):
    message = "Cards have nowhere to go: add your own card stock as a supplier first."


class OverLimit(Conflict):
    message = "This costs up to ¥%(cost)s; one order may cost ¥%(order)s, and today ¥%(left)s are left."


class NotStuck(Conflict):
    message = "Its supplier is still being asked, or it is settled. Nothing was changed."
