"""What the station lists and sells."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.console import product_form, product_rows
from admin_ui.console.product_rows import Sheet
from admin_ui.frame import AnyRequest, PathId, chips, page
from admin_ui.lists import bar as list_bar
from admin_ui.lists import product_filters
from admin_ui.lists.products import SOURCE
from billing.wholesale import queries as wholesale
from billing.wholesale.queries import Quote
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from supplier_gateway.goods import queries as goods
from tenants.plans.errors import TooManyProducts
from tenants.shop import categories, queries, service
from tenants.shop.drafts import ProductDraft
from tenants.shop.errors import Archived, BelowCost, BelowFloor, BelowOwnFloor, CardsLeft, CategoryGone, GoodNotForYou
from tenants.toggles import flags

WRONG = (
    Invalid, Archived, BelowCost, BelowFloor, BelowOwnFloor, CardsLeft, CategoryGone, GoodNotForYou, TooManyProducts
)  # fmt: skip
LIST = "/console/products"
FILTERS = product_filters.NAMES[1:]


class Shelf(Struct, frozen=True):
    """Whether a product is to be on sale."""

    on_sale: bool = False


class Line(Struct, frozen=True):
    """A product as the list shows it. Of a head, prices and margins are those of its variants; `stock` is that of all
    units, None where the master offers none of the goods any more; `cost` in yuan for one, None for own products."""

    product: Any
    lowest: Decimal
    highest: Decimal
    cost: Decimal | None
    margin: Decimal | None
    stock: int | None
    is_below: bool

    @property
    def share(self) -> str:
        """The share of the price that the station keeps, in per cent."""
        return "" if self.margin is None else f"{self.margin:.1%}".removesuffix("%")


class ProductController(Controller):
    path = LIST

    @get("/", guards=[requires(Permission.PRODUCTS_READ)])
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            tree = await categories.tree(session)
            found = await paging.of_select(
                session, queries.search(*product_filters.asked_for(asked.query, tree)), asked
            )
            lines = await _lines(session, [row[0] for row in found.items])
            labels = await queries.labels(session)
            bar = await list_bar.of(session, SOURCE, staff, asked.query)
        by_hand = context.of(request.scope).flags[flags.SHELF_ORDER.key] == "hand"
        return page(
            request,
            "console/products.html",
            found=found,
            lines=lines,
            tree=tree,
            labels=labels,
            places=categories.options(tree, gettext("No category")),
            filters=chips(asked, "product"),
            asked=asked,
            bar=bar,
            kept={name: asked.get(name) for name in FILTERS if asked.get(name)},
            in_bin=asked.get("state") == queries.BIN,
            can_move=by_hand and not asked.search and not any(asked.get(name) for name in FILTERS),
        )

    @get("/new", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _form(
            request,
            tenant,
            product_form.blank(request.query_params.get("good", ""), request.query_params.get("source", "")),
            Sheet(),
        )

    @post("/", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = await product_form.read(request)
            async with tenant.begin() as session:
                product = await service.list_product(session, draft)
                await audit.record(session, staff.name, "products.add", str(product.id), _told(draft), staff.address)
        except WRONG as error:
            return await again(request, tenant, error)
        answers.toast(request, gettext("The product is listed."))
        return answers.redirect(request, f"/console/products/{product.id}")

    @get("/{product_id:int}", guards=[requires(Permission.PRODUCTS_READ)])
    async def show(self, product_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            product = await queries.head_of(session, product_id)
            variants = await queries.variants(session, product.id)
            lines = await _lines(session, [product])
            quotes = await _quotes(session, [product, *variants])
            stock = await queries.stock_of(session, [product.id, *(one.id for one in variants)])
            numbers = [one.good_id for one in (product, *variants) if one.good_id is not None]
            names = await wholesale.good_names(session, numbers) if numbers else {}
            tree = await categories.tree(session)
            good = await goods.good(session, product.good_id) if product.good_id else None
        return page(
            request,
            "console/product.html",
            product=product,
            line=lines[0],
            variants=variants,
            quotes=quotes,
            stock=stock,
            names=names,
            quote=quotes.get(product.good_id or 0),
            good=good,
            category=tree.title(product.category_id),
            margin=product_form.margin,
            plain=product_rows.plain,
            words=product_form,
        )

    @get("/{product_id:int}/edit", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def edit(self, product_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            product = await queries.whole(session, product_id)
            variants = await queries.variants(session, product_id)
        written = product_rows.of_product(product, variants)
        return await _form(request, tenant, product_form.filled(product), written, product_id)

    @post("/{product_id:int}", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def change(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = await product_form.read(request)
            async with tenant.begin() as session:
                before = await queries.whole(session, product_id)
                detail: dict[str, object] = {"name": draft.name, "from": _was(before)}
                changed = await service.change_product(session, product_id, draft)
                detail["to"] = _was(changed)
                await audit.record(session, staff.name, "products.change", str(product_id), detail, staff.address)
        except WRONG as error:
            return await again(request, tenant, error, product_id)
        answers.toast(request, gettext("The product is saved."))
        return answers.redirect(request, f"/console/products/{product_id}")

    @post("/{product_id:int}/shelf", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def shelf(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        wanted = await forms.parse(request, Shelf)
        try:
            async with tenant.begin() as session:
                product = await service.show(session, product_id, on_sale=wanted.on_sale)
                action = "products.show" if wanted.on_sale else "products.hide"
                await audit.record(session, staff.name, action, str(product_id), {"name": product.name}, staff.address)
        except (Archived, BelowFloor, TooManyProducts) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            told = gettext("The product is on sale.") if wanted.on_sale else gettext("The product is hidden.")
            answers.toast(request, told)
        return answers.redirect(request, f"/console/products/{product_id}")


async def again(request: AnyRequest, tenant: Tenant, error: Any, product_id: int | None = None) -> Template:
    """The form as it was sent, with what is wrong."""
    written = product_rows.sheet(await forms.pairs(request))
    return await _form(request, tenant, await forms.again(request, error), written, product_id, status=422)


async def redrawn(request: AnyRequest, tenant: Tenant, written: Sheet, product_id: int | None = None) -> Template:
    """The form as it was sent, with other rows."""
    values = dict(await forms.pairs(request))
    return await _form(request, tenant, Form(values), written, product_id)


async def _form(
    request: AnyRequest,
    tenant: Tenant,
    form: Form,
    written: Sheet,
    product_id: int | None = None,
    status: int = 200,
) -> Template:
    async with tenant.begin() as session:
        offered = await product_form.offered(session)
    good = product_form.chosen(form, offered.goods)
    options = [("", gettext("Choose a good"))] if good is None else []
    return page(
        request,
        "console/product_form.html",
        status=status,
        form=form,
        sheet=product_form.spare(written),
        offered=offered.goods,
        places=categories.options(offered.tree, gettext("No category")),
        options=[*options, *((one.id, one.label) for one in offered.goods)],
        good=good,
        product_id=product_id,
        words=product_form,
        levels_offered=[("0", gettext("Everybody")), *((one.rank, _from(one.name)) for one in offered.levels)],
        chosen_from=_words,
        variant_title=product_rows.title,
    )


def _words(choices: Mapping[str, str]) -> list[tuple[str, str]]:
    """Codes and their words, to choose from."""
    return [(code, gettext(word)) for code, word in choices.items()]


def _from(level: str) -> str:
    return gettext("%(level)s and above", level=level)


async def _quotes(session: AsyncSession, products: Sequence[Any]) -> dict[int, Quote]:
    numbers = {one.good_id for one in products if one.good_id is not None}
    return await wholesale.quotes(session, sorted(numbers)) if numbers else {}


async def _lines(session: AsyncSession, products: Sequence[Any]) -> list[Line]:
    """The page's products with what they cost and how many there are: three statements for all of them."""
    grouped = await queries.variants_of(session, [one.id for one in products if one.specs])
    units = {one.id: grouped.get(one.id, []) if one.specs else [one] for one in products}
    flat = [unit for group in units.values() for unit in group]
    quotes = await _quotes(session, flat)
    stock = await queries.stock_of(session, [unit.id for unit in flat if unit.good_id is None])
    return [_line(one, units[one.id], quotes, stock) for one in products]


def _line(product: Any, units: Sequence[Any], quotes: dict[int, Quote], stock: dict[int, int]) -> Line:
    prices = [unit.price for unit in units] or [product.price]
    margins = [  # what own cards have cost differs from batch to batch: it is told of orders, not of products
        (unit.price - quotes[unit.good_id].wholesale_price) / unit.price
        for unit in units
        if unit.good_id is not None and unit.good_id in quotes
    ]
    offered = [unit for unit in units if unit.good_id is None or unit.good_id in quotes]
    left = [stock.get(unit.id, 0) if unit.good_id is None else quotes[unit.good_id].available for unit in offered]
    return Line(
        product,
        min(prices),
        max(prices),
        quotes[product.good_id].wholesale_price if product.good_id in quotes else None,
        min(margins, default=None),
        sum(left) if offered else None,
        any(unit.good_id and _is_below(unit.price, quotes[unit.good_id]) for unit in offered),
    )


def _is_below(price: Decimal, quote: Quote) -> bool:
    return quote.min_resale is not None and price < quote.min_resale


def _told(draft: ProductDraft) -> dict[str, object]:
    """A new product for the audit log."""
    told: dict[str, object] = {"name": draft.name, "state": draft.state}
    return told | ({"variants": len(draft.variants)} if draft.specs else {"price": str(draft.price)})


def _was(product: Any) -> dict[str, object]:
    """A product for the audit log: what an argument could be about."""
    return {"name": product.name, "price": product_rows.plain(product.price), "state": product.state}
