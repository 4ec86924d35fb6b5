"""What can go wrong with routing."""

from kameng.core.errors import NotFound, Refused


class NotPinned(NotFound):
    message = "This good is not pinned to a supplier."


class NoSuchOffer(Refused):
    """A good cannot be pinned to a supplier that does not offer it."""

    message = "This supplier has no offer for the good."
