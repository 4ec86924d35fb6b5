"""What a machine is told when it may not, or not yet."""

from kameng.core.errors import Conflict, NotFound, Refused, Unauthenticated


class BadSignature(Unauthenticated):
    """No such key, a key that was revoked, a wrong signature or an old one: which of them is not said."""

    message = "The key or the signature is wrong."


class KeyGone(NotFound):
    message = "There is no such key."


class KeyNotForGuests(Refused):
    message = "A key belongs to a member; a guest has no account to buy from."


class CancelNotAllowed(Conflict):
    message = "This order cannot be cancelled any more."
