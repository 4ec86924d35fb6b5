"""The form of a product: what the owner writes, and what it is drawn with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.console import product_rows
from admin_ui.console.product_rows import Row, Sheet
from billing.wholesale import queries as wholesale
from kameng.core.errors import Invalid
from kameng.web import forms, i18n
from kameng.web.answers import AnyRequest
from kameng.web.forms import Form
from kameng.web.i18n import N_
from kameng.web.pages import yuan
from supplier_gateway.goods import queries as goods
from tenants.buyers import levels
from tenants.buyers.levels import Level
from tenants.shop import categories
from tenants.shop.categories import Tree
from tenants.shop.fields import Kind
from tenants.shop.service import ProductDraft

Count = Annotated[int, Meta(ge=1, le=1000)]
Limit = Annotated[int, Meta(ge=1, le=1_000_000)] | None
Price = Annotated[Decimal, Meta(extra={"ge": "0.0001", "le": "100000", "places": 4})]
Source = Literal["master", "own", "variants"]

MOMENT = "%Y-%m-%dT%H:%M"
SOURCES: dict[Source, str] = {
    "master": N_("A good of the master"),
    "own": N_("My own product"),
    "variants": N_("Several variants, each with its own price and stock"),
}
FULFILMENTS = {"auto": N_("Cards from my stock, at once"), "by_hand": N_("I deliver it by hand")}
KINDS = {"cards": N_("Cards and keys"), "topup": N_("A top-up for the buyer's account")}
PICKINGS = {"first": N_("The oldest card first"), "random": N_("Any card")}
FIELD_KINDS: dict[Kind, str] = {
    "text": N_("Any text"),
    "phone": N_("Phone number"),
    "account": N_("Account"),
    "area": N_("Area, server"),
    "number": N_("Number"),
    "email": N_("E-mail"),
    "choice": N_("One of several"),
}


class ProductForm(Struct, frozen=True, kw_only=True):
    """`price` in yuan for one unit; `shown` is a checkbox; moments are of the station's clocks."""

    source: Source = "master"
    good_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})] | None = None
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    price: Price | None = None
    summary: Annotated[str, Meta(max_length=120)] = ""
    description: Annotated[str, Meta(max_length=4000, extra={"lines": True})] = ""
    usage_note: Annotated[str, Meta(max_length=1000, extra={"lines": True})] = ""
    min_quantity: Count = 1
    max_quantity: Count = 10
    position: Annotated[int, Meta(ge=0, le=100_000)] = 0
    shown: bool = False
    category_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    kind: Literal["cards", "topup"] = "cards"
    fulfilment: Literal["auto", "by_hand"] = "auto"
    labels: Annotated[str, Meta(max_length=450)] = ""
    list_price: Price | None = None
    floor_price: Price | None = None
    max_per_buyer: Limit = None
    max_per_day: Limit = None
    min_level: Annotated[int, Meta(ge=0, le=1000)] = 0
    sale_from: Annotated[str, Meta(max_length=20)] = ""
    sale_until: Annotated[str, Meta(max_length=20)] = ""
    picking: Literal["first", "random"] = "first"
    choosable: bool = False
    choice_price: Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000", "places": 4})] = Decimal(0)
    warn_at: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None


# What goes into a draft as it stands in the form.
AS_WRITTEN = (
    "name", "summary", "description", "usage_note", "min_quantity", "max_quantity", "position", "category_id", "kind",
    "list_price", "floor_price", "max_per_buyer", "max_per_day", "min_level", "picking", "choosable", "choice_price",
    "warn_at",
)  # fmt: skip
PRICES = ("price", "list_price", "floor_price", "choice_price")


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


class Offered(Struct, frozen=True):
    """What the form offers to choose from."""

    goods: Sequence[Choice]
    tree: Tree
    levels: Sequence[Level]


async def read(request: AnyRequest) -> ProductDraft:
    """The form that was sent. Raises `Invalid` with everything at fault."""
    sent = await forms.pairs(request)
    errors: dict[str, str] = {}
    form = parts = None
    try:
        form = forms.read(sent, ProductForm)
    except Invalid as wrong:
        errors |= wrong.errors
    try:
        parts = product_rows.parts(product_rows.sheet(sent))
    except Invalid as wrong:
        errors |= wrong.errors
    if form is not None:
        errors |= _faults(form)
    if errors or form is None or parts is None:
        raise Invalid(errors)
    values: dict[str, Any] = {name: getattr(form, name) for name in AS_WRITTEN}
    if form.source == "variants":
        values |= {"specs": parts.specs, "variants": parts.variants}
        if not parts.specs:
            raise Invalid({"spec-0": "Say what the variants differ in."})
    else:
        values |= {"price": form.price, "ladder": parts.ladder}
        values["good_id"] = form.good_id if form.source == "master" else None
    return ProductDraft(
        **values,
        state="on_sale" if form.shown else "hidden",
        fulfilment="auto" if form.source == "master" else form.fulfilment,
        labels=list(dict.fromkeys(product_rows.words(form.labels))),
        fields=parts.fields,
        sale_from=_moment(form.sale_from),
        sale_until=_moment(form.sale_until),
    )


def _faults(form: ProductForm) -> dict[str, str]:
    errors: dict[str, str] = {}
    if form.max_quantity < form.min_quantity:
        errors["max_quantity"] = N_("This is less than the least quantity.")
    if form.source == "master" and form.good_id is None:
        errors["good_id"] = N_("Fill this in.")
    if form.source != "variants" and form.price is None:
        errors["price"] = N_("Fill this in.")
    for name in ("sale_from", "sale_until"):
        written = getattr(form, name)
        if written and _moment(written) is None:
            errors[name] = N_("Write a time such as 2026-12-31 18:00.")
    return errors


def _moment(written: str) -> datetime | None:
    """A time on the station's clocks; None for nothing, and for what is no time."""
    try:
        zone = i18n.reader().zone
        return datetime.strptime(written.replace(" ", "T")[:16], MOMENT).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


async def offered(session: AsyncSession) -> Offered:
    """What the form offers to choose from. Tenant session."""
    return Offered(await choices(session), await categories.tree(session), await levels.names(session))


async def choices(session: AsyncSession) -> Sequence[Choice]:
    """What the master offers to this station. Tenant session."""
    active = await goods.active(session)
    quotes = await wholesale.quotes(session, [good.id for good in active])
    return [
        Choice(good.id, good.name, quotes[good.id].wholesale_price, quotes[good.id].available)
        for good in active
        if good.id in quotes
    ]


def blank(good_id: str, source: str = "") -> Form:
    """The form of a new product."""
    known = source if source in SOURCES else "master"
    defaults = {"min_quantity": "1", "max_quantity": "10", "position": "0", "shown": "yes"}
    return Form(values={**defaults, "good_id": good_id, "source": known})


def filled(product: Any) -> Form:
    """The form of a product that is there."""
    values = {
        name: "" if (value := getattr(product, name)) is None else str(value)
        for name in (*AS_WRITTEN, "good_id", "price", "fulfilment")
    }
    values |= {name: product_rows.plain(getattr(product, name)) for name in PRICES if values[name]}
    values |= {
        "source": "variants" if product.specs else "own" if product.good_id is None else "master",
        "labels": ", ".join(product.labels),
        "choosable": "yes" if product.choosable else "",
        "shown": "yes" if product.state == "on_sale" else "",
    }
    for name in ("sale_from", "sale_until"):
        at = getattr(product, name)
        values[name] = at.astimezone(i18n.reader().zone).strftime(MOMENT) if at else ""
    return Form(values=values)


def spare(written: Sheet) -> Sheet:
    """The rows with empty ones behind them, to write in without scripts too."""
    return Sheet(
        _more(written.ladder, product_rows.LADDER),
        _more(written.specs, product_rows.SPECS),
        written.variants,
        _more(written.fields, product_rows.FIELDS),
    )


def _more(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    return [*rows, {name: product_rows.UNTOUCHED.get(name, "") for name in names}]


def chosen(form: forms.Form, goods_offered: Sequence[Choice]) -> Choice | None:
    """The good that stands in the form, if it is one of the list."""
    return next((one for one in goods_offered if str(one.id) == form.values.get("good_id")), None)


def margin(price: Decimal, wholesale_price: Decimal) -> str:
    """What the station keeps of one unit: `¥2.00 (20.0%)`."""
    kept = price - wholesale_price
    return f"{yuan(kept)} ({kept / price:.1%})"
