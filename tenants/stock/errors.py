"""What the stock room refuses."""

from kameng.core.errors import NotFound


class NotStocked(NotFound):
    message = "This product has no card stock of its own."
