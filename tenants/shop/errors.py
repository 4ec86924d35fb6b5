"""What the shop refuses."""

from kameng.core.errors import NotFound, Refused


class ProductGone(NotFound):
    message = "This product is not on sale any more."


class BelowCost(Refused):
    message = "The price is below what you pay for it yourself: %(wholesale)s."


class BelowFloor(Refused):
    message = "The master allows nobody to sell it below %(floor)s."


class BelowOwnFloor(Refused):
    message = "The price is below your own floor of %(floor)s."


class GoodNotForYou(Refused):
    message = "This good is not offered to your station."


class CardsLeft(Refused):
    message = "Cards of this product lie in stock. Move or delete them before it comes in variants."


class Archived(Refused):
    message = "This product is in the bin. Restore it first."


class NothingChosen(Refused):
    message = "Choose a product first."


class CategoryGone(NotFound):
    message = "This category is not there any more."


class CategoryFull(Refused):
    message = "Products or categories stand in it. Say where they are to go."


class TooDeep(Refused):
    message = "Categories go at most %(most)s levels deep."


class WithinItself(Refused):
    message = "A category cannot stand within itself."


class TooManyCategories(Refused):
    message = "A shop has at most %(most)s categories."


class TooManyTemplates(Refused):
    message = "A shop keeps at most %(most)s templates."


class TemplateGone(NotFound):
    message = "This template is not there any more."
