"""Listing many goods of the master at once: choose, price by a template, look, list."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from unicodedata import normalize

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.console.product_rows import plain
from admin_ui.frame import AnyRequest, Chip, PathId, page
from billing.wholesale import queries as wholesale
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext, ngettext
from kameng.web.paging import Page
from kameng.web.people import Staff
from tenants.plans.errors import TooManyProducts
from tenants.shop import categories, listing, markup
from tenants.shop.errors import CategoryGone, NothingChosen, TooManyTemplates
from tenants.shop.listing import Proposal
from tenants.shop.markup import Band, Rounding, Terms
from tenants.toggles import flags

PATH = "/console/listing"
SIZE = 100
WRONG = (Invalid, NothingChosen, TooManyProducts, CategoryGone, TooManyTemplates)
USUAL = Terms([Band(None, Decimal(20))], "dime")
LISTED = {"no": N_("Not listed yet"), "yes": N_("Listed"), "all": N_("All")}
NUMBER = re.compile(r"[0-9]{1,9}")
Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class ListingForm(Struct, frozen=True, kw_only=True):
    """The goods that are ticked and what becomes of them. Bands stand in rows: see `_bands`."""

    ids: list[Number] = msgspec.field(default_factory=list, name="id")
    rounding: Rounding = "dime"
    category_id: Number | None = None
    shown: bool = False
    template_name: Annotated[str, Meta(max_length=40)] = ""


class ListingController(Controller):
    path = PATH
    opt = flags.LISTING.opt
    guards = [requires(Permission.PRODUCTS_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def choose(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request, size=SIZE)
        listed = asked.get("listed") if asked.get("listed") in LISTED else "no"
        values = {
            "words": asked.search,
            "pattern": paging.like(asked.search),
            "category": asked.get("category"),
            "listed": listed,
        }
        async with tenant.begin() as session:
            found = await paging.of_sql(session, listing.OFFERED, values, asked)
            quotes = await wholesale.quotes(session, [row.id for row in found.items])
            offered = await listing.master_categories(session)
            kept = await listing.templates(session)
            tree = await categories.tree(session)
            terms = await _chosen_terms(request, kept)
        return page(
            request,
            "console/listing.html",
            found=found,
            quotes=quotes,
            asked=asked,
            filters=_chips(found, listed),
            master_categories=offered,
            templates=kept,
            places=categories.options(tree, gettext("No category")),
            bands=_rows(terms),
            roundings=_roundings(),
            form=Form({"rounding": terms.rounding, "shown": "yes"}),
            most=listing.MOST,
        )

    @post("/preview", opt={"quiet": True})
    async def preview(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        """What would be listed, at which prices. Nothing is kept."""
        try:
            form, terms = await _read(request)
            async with tenant.begin() as session:
                proposals = await listing.propose(session, form.ids, terms)
        except WRONG as error:
            return await _preview(request, tenant, [], await forms.again(request, error), status=422)
        return await _preview(request, tenant, proposals, await forms.again(request, Invalid({})))

    @post("/")
    async def place(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            form, terms = await _read(request)
            async with tenant.begin() as session:
                made = await listing.list_all(
                    session, form.ids, terms, category_id=form.category_id, on_sale=form.shown
                )
                if form.template_name:
                    await listing.keep(session, form.template_name, terms)
                detail: dict[str, object] = {"products": len(made), "prices": _told(terms)}
                if form.template_name:
                    detail["template"] = form.template_name
                await audit.record(session, staff.name, "products.list", "", detail, staff.address)
        except WRONG as error:
            return await _preview(request, tenant, [], await forms.again(request, error), status=422)
        told = ngettext("%(num)s product is listed.", "%(num)s products are listed.", len(made))
        answers.toast(request, told, "ok" if made else "info")
        return answers.redirect(request, "/console/products")

    @post("/templates")
    async def keep(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            form, terms = await _read(request)
            if not form.template_name:
                raise Invalid({"template_name": "Give the template a name."})
            async with tenant.begin() as session:
                template_id = await listing.keep(session, form.template_name, terms)
                detail = {"name": form.template_name, "prices": _told(terms)}
                await audit.record(session, staff.name, "listing.keep", str(template_id), detail, staff.address)
        except WRONG as error:
            return await _preview(request, tenant, [], await forms.again(request, error), status=422)
        answers.toast(request, gettext("The template is kept."))
        return answers.redirect(request, f"{PATH}?template={template_id}")

    @post("/templates/{template_id:int}/delete")
    async def drop(
        self,
        template_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            name = await listing.drop(session, template_id)
            await audit.record(session, staff.name, "listing.drop", str(template_id), {"name": name}, staff.address)
        answers.toast(request, gettext("The template is deleted."))
        return answers.redirect(request, PATH)


async def _chosen_terms(request: AnyRequest, kept: Sequence[listing.Template]) -> Terms:
    """The terms of the template that the address names, else the usual ones."""
    wanted = request.query_params.get("template", "")
    return next((one.terms for one in kept if str(one.id) == wanted), USUAL)


async def _read(request: AnyRequest) -> tuple[ListingForm, Terms]:
    """Raises `Invalid`."""
    form = await forms.parse(request, ListingForm)
    terms = Terms(_bands(await forms.pairs(request)), form.rounding)
    markup.check(terms)
    return form, terms


def _bands(sent: Sequence[tuple[str, str]]) -> list[Band]:
    """The rows `up_to`, `percent`, `add`; rows in which nothing stands do not count. Raises `Invalid`."""
    bands: list[Band] = []
    errors: dict[str, str] = {}
    for n, (up_to, percent, add) in enumerate(_texts(sent)):
        numbers = [_number(text) for text in (up_to, percent, add)]
        if any(text and number is None for text, number in zip((up_to, percent, add), numbers, strict=True)):
            errors[f"band-{n}"] = N_("Write numbers.")
            continue
        bands.append(Band(numbers[0], numbers[1] or Decimal(0), numbers[2] or Decimal(0)))
    if errors:
        raise Invalid(errors)
    return bands


def _texts(sent: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    columns = [[text.strip() for name, text in sent if name == wanted] for wanted in ("up_to", "percent", "add")]
    return [row for row in zip(*columns, strict=False) if any(row)]


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(normalize("NFKC", text).removeprefix("¥").removesuffix("%").replace(",", "").strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < 10**7 and value == round(value, 4) else None


def _rows(terms: Terms) -> list[tuple[str, str, str]]:
    """The bands as the form shows them, and an empty row."""
    shown = [
        (plain(band.up_to) if band.up_to is not None else "", f"{band.percent.normalize():f}", plain(band.add))
        for band in terms.bands
    ]
    return [*shown, ("", "", "")]


def _told(terms: Terms) -> list[str]:
    """For the audit log: `up to 10.00: +20% +0.50`."""
    return [f"{band.up_to or ''}: +{band.percent}% +{band.add}" for band in terms.bands]


def _roundings() -> list[tuple[str, str]]:
    return [(code, gettext(word)) for code, word in markup.ROUNDINGS.items()]


def _chips(found: Page[Any], chosen: str) -> list[Chip]:
    return [
        Chip(gettext(word), found.url_with(listed=code if code != "no" else ""), code == chosen)
        for code, word in LISTED.items()
    ]


async def _preview(
    request: AnyRequest, tenant: Tenant, proposals: Sequence[Proposal], form: Form, status: int = 200
) -> Template:
    sent = await forms.pairs(request)
    async with tenant.begin() as session:
        tree = await categories.tree(session)
    return page(
        request,
        "console/listing_preview.html",
        status=status,
        proposals=proposals,
        form=form,
        ids=[text for name, text in sent if name == "id" and NUMBER.fullmatch(text)],
        bands=[*_texts(sent), ("", "", "")],
        roundings=_roundings(),
        places=categories.options(tree, gettext("No category")),
    )
