"""What can go wrong when the log is read."""

from kameng.core.errors import NotFound


class LineGone(NotFound):
    message = "There is no such line in the log."
