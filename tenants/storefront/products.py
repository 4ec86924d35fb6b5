"""`/` and `/p/{id}`: what is on the shelf, and one product with the form that buys it."""

from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.core.money import total_cents
from kameng.infra.tenancy import Tenant
from kameng.web import paging
from kameng.web.answers import AnyRequest, render
from kameng.web.forms import Form
from kameng.web.paging import Wanted
from kameng.web.people import Visitor
from tenants.shop import queries as shop
from tenants.shop.queries import ShelfItem
from tenants.storefront import pages, pay_ways

HOME = "storefront/home.html"
ON_ONE_PAGE = 60
PUBLIC = {"public": True}
REQUEST_KEY_SIGNS = 20


class Shown(Struct, frozen=True):
    """The product's figures for the form: `ladder` is `[[from quantity, cents for one]]`."""

    item: ShelfItem
    quantity: int
    unit_cents: int
    ladder: list[list[float]]


class ProductController(Controller):
    opt = PUBLIC

    @get("/")
    async def home(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        asked = paging.wanted(request, size=ON_ONE_PAGE)
        async with tenant.begin() as session:
            return await pages.page(session, visitor, HOME, **await home_values(session, asked))

    @get("/p/{product_id:int}")
    async def show(
        self, product_id: FromPath[int], tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        return await product_page(tenant, visitor, product_id)


async def home_values(session: AsyncSession, asked: Wanted) -> dict[str, Any]:
    """What the first page shows."""
    items = await shop.shelf(session, asked.search, ON_ONE_PAGE + 1, asked.offset)
    return {
        "items": [shown(item) for item in items[:ON_ONE_PAGE]],
        "words": asked.search,
        "number": asked.page,
        "has_more": len(items) > ON_ONE_PAGE,
    }


async def product_page(
    tenant: Tenant, visitor: Visitor, product_id: int, form: Form | None = None, status: int = 200
) -> Template:
    """The product with a fresh form, or with what was entered and what is wrong. Raises `ProductGone`."""
    async with tenant.begin() as session:
        item = await shop.on_sale(session, product_id)
        shopper = await pages.shopper(session, visitor)
        ways = await pay_ways.with_wallet(session, shopper, visitor)
    seen = shown(item, form)
    usual = pay_ways.usual(ways, shopper, total_cents(item.price, seen.quantity))
    chosen = form.values.get("pay_method", usual) if form else usual
    return render(
        "storefront/product.html",
        status=status,
        viewer=shopper,
        shown=seen,
        ways=ways,
        chosen=chosen,
        form=form,
        request_key=ids.code(REQUEST_KEY_SIGNS),
    )


def shown(item: ShelfItem, form: Form | None = None) -> Shown:
    """The product with the quantity that was entered, brought within its bounds."""
    entered = form.values.get("quantity", "") if form else ""
    is_number = entered.isascii() and entered.isdigit() and len(entered) < 5
    quantity = min(max(int(entered) if is_number else 0, item.min_quantity), item.most)
    return Shown(item, quantity, total_cents(item.price, 1), [[1, float(item.price * 100)]])
