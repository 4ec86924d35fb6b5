"""What can go wrong with a good."""

from kameng.core.errors import Conflict, NotFound


class GoodGone(NotFound):
    message = "This good is not in the catalogue."


class GoodNameTaken(Conflict):
    message = "There is a good of this name already."
