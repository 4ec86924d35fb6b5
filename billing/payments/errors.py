"""What can go wrong with a payment."""

from kameng.core.errors import NotFound, Refused


class PaymentGone(NotFound):
    message = "There is no such payment."


class ChannelGone(Refused):
    message = "This way to pay is not offered here."


class NotRefundableHere(Refused):
    message = "This cannot go back by the payment channel. Give it back to the wallet."


class AmountOutOfRange(Refused):
    message = "Choose an amount between %(least)s and %(most)s."
