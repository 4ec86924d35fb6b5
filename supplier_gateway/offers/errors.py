"""What can go wrong with an offer."""

from kameng.core.errors import Conflict, NotFound


class OfferGone(NotFound):
    message = "There is no such offer."


class OfferThere(Conflict):
    message = "This supplier offers this article already. Change that offer instead."
