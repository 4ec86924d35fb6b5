"""What the station lists and sells."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui.console import product_form
from admin_ui.console.product_form import ProductForm
from admin_ui.frame import AnyRequest, PathId, chips, page
from billing.wholesale import queries as wholesale
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from supplier_gateway.goods import queries as goods
from tenants.plans.errors import TooManyProducts
from tenants.shop import queries, service
from tenants.shop.errors import BelowCost, BelowFloor, GoodNotForYou

WRONG = (Invalid, BelowCost, BelowFloor, GoodNotForYou, TooManyProducts)


class Shelf(Struct, frozen=True):
    """Whether a product is to be on sale."""

    on_sale: bool = False


class ProductController(Controller):
    path = "/console/products"

    @get("/", guards=[requires(Permission.PRODUCTS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            found = await paging.of_select(session, queries.search(asked.search, asked.get("state")), asked)
            quotes = await wholesale.quotes(session, [row[0].good_id for row in found.items])
        filters = chips(asked, "product")
        return page(
            request,
            "console/products.html",
            found=found,
            quotes=quotes,
            filters=filters,
            asked=asked,
            margin=_margin,
        )

    @get("/new", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _form(request, tenant, product_form.blank(request.query_params.get("good", "")))

    @post("/", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, ProductForm)).draft()
            async with tenant.begin() as session:
                product = await service.list_product(session, draft)
                detail = {"name": draft.name, "price": str(draft.price)}
                await audit.record(session, staff.name, "products.add", str(product.id), detail, staff.address)
        except WRONG as error:
            return await _form(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The product is listed."))
        return answers.redirect(request, f"/console/products/{product.id}")

    @get("/{product_id:int}", guards=[requires(Permission.PRODUCTS_READ)])
    async def show(self, product_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            product = await queries.product(session, product_id)
            of_master = product.good_id
            quote = (await wholesale.quotes(session, [of_master])).get(of_master) if of_master else None
            good = await goods.good(session, of_master) if of_master else None
        return page(
            request,
            "console/product.html",
            product=product,
            quote=quote,
            good=good,
            margin=product_form.margin,
        )

    @get("/{product_id:int}/edit", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def edit(self, product_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            product = await queries.product(session, product_id)
        return await _form(request, tenant, product_form.filled(product), product_id)

    @post("/{product_id:int}", guards=[requires(Permission.PRODUCTS_WRITE)])
    async def change(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, ProductForm)).draft()
            async with tenant.begin() as session:
                await service.change_product(session, product_id, draft)
                detail = {"name": draft.name, "price": str(draft.price)}
                await audit.record(session, staff.name, "products.change", str(product_id), detail, staff.address)
        except WRONG as error:
            return await _form(request, tenant, await forms.again(request, error), product_id, status=422)
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
        except (BelowFloor, TooManyProducts) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            told = gettext("The product is on sale.") if wanted.on_sale else gettext("The product is hidden.")
            answers.toast(request, told)
        return answers.redirect(request, f"/console/products/{product_id}")


async def _form(
    request: AnyRequest, tenant: Tenant, form: Form, product_id: int | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        offered = await product_form.choices(session)
    good = product_form.chosen(form, offered)
    options = [("", gettext("Choose a good"))] if good is None else []
    return page(
        request,
        "console/product_form.html",
        status=status,
        form=form,
        offered=offered,
        options=[*options, *((one.id, one.label) for one in offered)],
        good=good,
        product_id=product_id,
    )


def _margin(price: Any, wholesale_price: Any) -> str:
    """The share of the price that the station keeps, in per cent."""
    return f"{(price - wholesale_price) / price:.1%}".removesuffix("%")
