"""`/`, `/c/{id}` and `/p/{id}`: what is on the shelf, a category of it, and one product with the form that buys it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.core.errors import NotFound
from kameng.core.money import total_cents
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import context, paging
from kameng.web.answers import AnyRequest, render
from kameng.web.forms import Form
from kameng.web.i18n import gettext
from kameng.web.paging import Wanted
from kameng.web.people import Visitor
from tenants.shop import categories, shelf
from tenants.shop import queries as shop
from tenants.shop.categories import Node, Tree
from tenants.shop.shelf import Asked, Family, ShelfItem
from tenants.stock import live as live_stock
from tenants.storefront import pages, pay_ways
from tenants.toggles import flags

HOME = "storefront/home.html"
ON_ONE_PAGE = 60
MOST_LABELS = 30
PUBLIC = {"public": True}
REQUEST_KEY_SIGNS = 20
LEVEL_SIGN = "/"


class Shown(Struct, frozen=True):
    """The product's figures for the form: `ladder` is `[[from quantity, cents for one]]`."""

    item: ShelfItem
    quantity: int
    unit_cents: int
    ladder: list[list[float]]
    choice_cents: int = 0  # more for a card that the buyer chooses


class Tab(Struct, frozen=True):
    """A place of the shelf to go to."""

    label: str
    href: str
    active: bool
    icon: str = ""


class Card(Struct, frozen=True):
    """A product on the shelf: the price it begins at, and whether there are others."""

    item: ShelfItem
    unit_cents: int
    list_cents: int | None
    has_prices: bool

    @property
    def label(self) -> str:
        """The first label, its last level: `Monthly` of `Cards/Monthly`."""
        return self.item.labels[0].rpartition(LEVEL_SIGN)[2] if self.item.labels else ""


class ProductController(Controller):
    opt = PUBLIC

    @get("/")
    async def home(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        return await _shelf_page(request, tenant, visitor)

    @get("/c/{category_id:int}")
    async def category(
        self,
        category_id: FromPath[int],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        return await _shelf_page(request, tenant, visitor, category_id)

    @get("/p/{product_id:int}")
    async def show(
        self,
        product_id: FromPath[int],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
        runtime: NamedDependency[Runtime],
    ) -> Template:
        await live_stock.look(runtime, tenant, product_id, live_stock.PAGE_S)
        kept = request.query_params.get("quantity", "")
        return await product_page(tenant, visitor, product_id, kept=kept)


async def _shelf_page(
    request: AnyRequest, tenant: Tenant, visitor: Visitor, category_id: int | None = None
) -> Template:
    asked = paging.wanted(request, size=ON_ONE_PAGE)
    here = context.of(request.scope)
    async with tenant.begin() as session:
        values = await home_values(session, asked, category_id, visitor, here.flags)
        return await pages.page(session, visitor, HOME, **values)


async def home_values(
    session: AsyncSession,
    asked: Wanted,
    category_id: int | None = None,
    visitor: Visitor | None = None,
    switches: Any = flags.DEFAULTS,
) -> dict[str, Any]:
    """What the first page or a category's shows. Raises `NotFound` for a category that buyers do not see."""
    tree = await categories.tree(session)
    if category_id is not None and (not tree.has(category_id) or category_id in tree.hidden):
        raise NotFound
    label = asked.get("label")
    found = await shop.page_of_shelf(
        session,
        Asked(
            words=asked.search,
            categories=None if category_id is None else tree.within(category_id),
            hidden=tree.hidden,
            label=label,
            order=str(switches[flags.SHELF_ORDER.key]),
            sold_out_last=bool(switches[flags.SOLD_OUT_LAST.key]),
            buyer_id=visitor.buyer_id if visitor else None,
            limit=ON_ONE_PAGE + 1,
            offset=asked.offset,
        ),
    )
    labels = await shop.labels(session, shown_only=True, limit=MOST_LABELS) if label or category_id is None else {}
    kept = {"q": asked.search, "label": label}
    return {
        "items": [_card(one) for one in found[:ON_ONE_PAGE]],
        "words": asked.search,
        "label": label,
        "number": asked.page,
        "has_more": len(found) > ON_ONE_PAGE,
        "rows_of_tabs": _tabs(tree, category_id),
        "labels": [Tab(word, paging.address("/", {"label": word}), word == label) for word in labels],
        "trail": _trail(tree, category_id),
        "here": f"/c/{category_id}" if category_id else "/",
        "page_url": lambda number: paging.address(
            f"/c/{category_id}" if category_id else "/", kept | ({"page": str(number)} if number > 1 else {})
        ),
        "kept": {"label": label} if label else {},
    }


def _tabs(tree: Tree, category_id: int | None) -> list[list[Tab]]:
    """A row of categories for each level that is open; the first is there as soon as there is a category."""
    path = tree.node(category_id).path if category_id is not None else ()
    rows: list[list[Tab]] = []
    for parent in (None, *path):
        shown = [node for node in tree.children(parent) if not node.hidden]
        if shown:
            rows.append([_tab(node, node.id in path) for node in shown])
    return rows


def _tab(node: Node, active: bool) -> Tab:
    return Tab(node.name, f"/c/{node.id}", active, node.icon)


def _trail(tree: Tree, category_id: int | None) -> list[tuple[str, str]]:
    """Categories from the top down to this one, with their addresses."""
    if category_id is None or not tree.has(category_id):
        return []
    return [(node.name, f"/c/{node.id}") for node in tree.above(category_id) if not node.hidden]


def _card(family: Family) -> Card:
    item = family.cheapest
    struck = total_cents(item.list_price, 1) if item.list_price else None
    return Card(item, total_cents(item.price, 1), struck, family.has_prices)


class Choice(Struct, frozen=True):
    """A value of a spec as a button: where it leads, None where no variant has it."""

    value: str
    href: str | None
    active: bool
    on_hand: bool


async def product_page(
    tenant: Tenant,
    visitor: Visitor,
    product_id: int,
    form: Form | None = None,
    status: int = 200,
    *,
    kept: str = "",
    inert: bool = False,
) -> Template:
    """The product with a fresh form, or with what was entered and what is wrong; `kept` is the quantity that was
    entered before another variant was chosen. `inert`: for the owner to look at, a hidden product too. Raises
    `ProductGone`."""
    async with tenant.begin() as session:
        family = await shop.family(session, product_id, hidden_too=inert)
        item = family.unit(product_id)
        tree = await categories.tree(session)
        rank = await shelf.rank_of(session, visitor.buyer_id)
        closed = rank < item.min_level
        level = await shelf.level_name(session, item.min_level) if closed else ""
        shopper = await pages.shopper(session, visitor)
        ways = await pay_ways.with_wallet(session, shopper, visitor)
        told_at = await live_stock.old_figure(session, item.id)
    seen = shown(item, form.values.get("quantity", "") if form else kept)
    usual = pay_ways.usual(ways, shopper, total_cents(item.price, seen.quantity))
    chosen = form.values.get("pay_method", usual) if form else usual
    values: dict[str, Any] = {"inert": True, "base": "", "path": f"/p/{item.id}"} if inert else {}
    return render(
        "storefront/product.html",
        status=status,
        **values,
        viewer=shopper,
        shown=seen,
        specs=_choices(family, item),
        trail=_trail(tree, item.category_id),
        steps=steps(item),
        struck_cents=total_cents(item.list_price, 1) if item.list_price else None,
        is_closed=closed,
        told_at=told_at,
        level=level,
        input_labels={f"inputs.{n}": field["label"] for n, field in enumerate(item.fields)},
        choices_of=choices_of,
        ways=ways,
        chosen=chosen,
        form=form,
        request_key=ids.code(REQUEST_KEY_SIGNS),
    )


def _choices(family: Family, chosen: ShelfItem) -> list[tuple[str, Sequence[Choice]]]:
    """For each spec of a head its values as buttons."""
    rows: list[tuple[str, Sequence[Choice]]] = []
    for spec in chosen.specs:
        buttons = []
        for value in spec["values"]:
            unit = family.with_value(chosen, spec["name"], value)
            is_active = chosen.spec_values.get(spec["name"]) == value
            buttons.append(Choice(value, f"/p/{unit.id}" if unit else None, is_active, bool(unit and unit.on_hand)))
        rows.append((spec["name"], buttons))
    return rows


def choices_of(field: dict[str, Any]) -> list[tuple[str, str]]:
    """What a field of choices offers."""
    return [("", gettext("Choose")), *((choice, choice) for choice in field["choices"])]


def steps(item: ShelfItem) -> list[tuple[int, Decimal]]:
    """The quantity ladder with its first rung: from so many on, yuan for one. A floor may hold steps up, so that they
    are no cheaper than the one before: those are left out."""
    rungs = [(1, item.price)]
    for quantity, price in item.ladder:
        if Decimal(price) < rungs[-1][1]:
            rungs.append((int(quantity), Decimal(price)))
    return rungs


def shown(item: ShelfItem, entered: str = "") -> Shown:
    """The product with the quantity that was entered, brought within its bounds."""
    is_number = entered.isascii() and entered.isdigit() and len(entered) < 5
    quantity = min(max(int(entered) if is_number else 0, item.min_quantity), item.most)
    ladder = [[quantity, float(price * 100)] for quantity, price in steps(item)]
    choice_cents = total_cents(item.choice_price, 1) if item.choosable else 0
    return Shown(item, quantity, total_cents(item.price, 1), ladder, choice_cents)
