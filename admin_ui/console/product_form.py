"""The form of a product: what the owner writes, and what it is drawn with."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from kameng.core.errors import Invalid
from kameng.web import forms
from kameng.web.forms import Form
from kameng.web.i18n import N_
from kameng.web.pages import yuan
from supplier_gateway.goods import queries as goods
from tenants.shop.service import ProductDraft

Count = Annotated[int, Meta(ge=1, le=1000)]
Price = Annotated[Decimal, Meta(extra={"ge": "0.0001", "le": "100000", "places": 4})]


class ProductForm(Struct, frozen=True, kw_only=True):
    """`price` in yuan for one unit; `shown` is a checkbox."""

    good_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    price: Price
    summary: Annotated[str, Meta(max_length=120)] = ""
    description: Annotated[str, Meta(max_length=4000, extra={"lines": True})] = ""
    usage_note: Annotated[str, Meta(max_length=1000, extra={"lines": True})] = ""
    min_quantity: Count = 1
    max_quantity: Count = 10
    position: Annotated[int, Meta(ge=0, le=100_000)] = 0
    shown: bool = False

    def draft(self) -> ProductDraft:
        """Raises `Invalid`."""
        if self.max_quantity < self.min_quantity:
            raise Invalid({"max_quantity": "This is less than the least quantity."})
        values = {name: getattr(self, name) for name in self.__struct_fields__ if name != "shown"}
        return ProductDraft(**values, state="on_sale" if self.shown else "hidden")


class Choice(Struct, frozen=True):
    """A good that the station may list; `wholesale_price` in yuan, `available` counted up to 1,000."""

    id: int
    name: str
    wholesale_price: Decimal
    available: int

    @property
    def label(self) -> str:
        """For the list to choose from: the good and what the station pays for one."""
        return f"{self.name} · {yuan(self.wholesale_price)}"


async def choices(session: AsyncSession) -> Sequence[Choice]:
    """What the master offers to this station. Tenant session."""
    active = await goods.active(session)
    quotes = await wholesale.quotes(session, [good.id for good in active])
    return [
        Choice(good.id, good.name, quotes[good.id].wholesale_price, quotes[good.id].available)
        for good in active
        if good.id in quotes
    ]


def blank(good_id: str) -> Form:
    """The form of a new product."""
    defaults = {"min_quantity": "1", "max_quantity": "10", "position": "0", "shown": "yes"}
    return Form(values={**defaults, "good_id": good_id})


def filled(product: Any) -> Form:
    """The form of a product that is there."""
    values = {name: str(getattr(product, name)) for name in ProductForm.__struct_fields__ if name != "shown"}
    values["price"] = yuan(product.price).removeprefix("¥").replace(",", "")
    if product.state == "on_sale":
        values["shown"] = "yes"
    return Form(values=values)


def chosen(form: forms.Form, offered: Sequence[Choice]) -> Choice | None:
    """The good that stands in the form, if it is one of the list."""
    return next((one for one in offered if str(one.id) == form.values.get("good_id")), None)


def margin(price: Decimal, wholesale_price: Decimal) -> str:
    """What the station keeps of one unit: `¥2.00 (20.0%)`."""
    kept = price - wholesale_price
    return f"{yuan(kept)} ({kept / price:.1%})"
