"""What after-sales refuses."""

from kameng.core.errors import Conflict, NotFound, Refused


class TicketGone(NotFound):
    message = "There is no such ticket, or it belongs to somebody else."


class PictureGone(NotFound):
    message = "This picture is not there any more."


class ReplyGone(NotFound):
    message = "This canned reply is not there any more."


class TooManyTickets(Refused):
    message = "You have %(most)s open tickets already. Write in one of them, or wait for an answer."


class TooManyMessages(Refused):
    message = "This ticket is very long. Open a new one and name this one in it."


class TooManyReplies(Refused):
    message = "A shop keeps at most %(most)s canned replies. Delete one that nobody uses."


class TicketClosed(Conflict):
    message = "This ticket is closed. Open it again before you write."


class NotClosed(Conflict):
    message = "This ticket is not closed."


class Merged(Conflict):
    message = "This ticket was merged into another one. Go on there."


class NotTheSame(Refused):
    message = "Only open tickets of the same buyer about the same order can be merged."


class NotFoundHere(Refused):
    """The same for a number, a contact and a password that are wrong, and for an order without a password."""

    message = (
        "Number, contact and query password do not belong together. Check all three. Without a password an order opens"
        " only in the browser or account that bought it."
    )
