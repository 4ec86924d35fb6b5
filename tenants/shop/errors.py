"""What the shop refuses."""

from kameng.core.errors import NotFound, Refused


class ProductGone(NotFound):
    message = "This product is not on sale any more."


class BelowCost(Refused):
    message = "The price is below what you pay for it yourself: %(wholesale)s."


class BelowFloor(Refused):
    message = "The master allows nobody to sell it below %(floor)s."


class GoodNotForYou(Refused):
    message = "This good is not offered to your station."
