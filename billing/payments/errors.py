"""What can go wrong with a payment."""

from kameng.core.errors import NotFound, Refused


class PaymentGone(NotFound):
    message = "There is no such payment."


class ChannelGone(Refused):
    message = "This way to pay is not offered here."


class AmountOutOfRange(Refused):
    message = "Choose an amount between %(least)s and %(most)s."
