"""What can go wrong with a station's replenishment."""

from kameng.core.errors import Conflict, NotFound


class ReplenishmentGone(NotFound):
    message = "There is no such replenishment."


class Decided(Conflict):
    message = "This was decided already. Nothing was changed."
