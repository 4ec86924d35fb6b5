"""What goes wrong with notices on purpose."""

from kameng.core.errors import NotFound, Refused


class NoticeGone(NotFound):
    """There is no such notice here."""


class ChannelGone(NotFound):
    """There is no such channel here, or it is another person's."""


class DeliveryGone(NotFound):
    """There is no such delivery here, or it went to another person."""


class TooManyChannels(Refused):
    message = "There are %(most)s channels already. Remove one of them first."


class NotToRepeat(Refused):
    message = "This message is still on its way. Wait until it is known what became of it."
