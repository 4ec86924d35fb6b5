"""What can go wrong with a tier."""

from kameng.core.errors import NotFound


class TierGone(NotFound):
    message = "There is no such tier."
