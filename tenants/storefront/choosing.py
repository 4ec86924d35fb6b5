"""`/products/{id}/numbers`: the cards of a product that a buyer may choose from, as a part of the product's page."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from kameng.infra.tenancy import Tenant
from kameng.web import paging
from kameng.web.answers import AnyRequest, render
from tenants.shop.errors import ProductGone
from tenants.stock import queries
from tenants.storefront.products import PUBLIC

LARGEST = 2**31 - 1


class NumberController(Controller):
    opt = PUBLIC

    @get("/products/{product_id:int}/numbers", opt={"quiet": True})
    async def numbers(
        self, product_id: FromPath[int], request: AnyRequest, tenant: NamedDependency[Tenant]
    ) -> Template:
        """`?number=` searches, `?page=` leafs. What is chosen is sent as `card_id` with the order."""
        if not 0 < product_id <= LARGEST:
            raise ProductGone
        asked = paging.wanted(request, search="number")
        async with tenant.begin() as session:
            found = await queries.choices(session, product_id, asked.search, asked.page)
        return render("storefront/parts/numbers.html", found=found, chosen=asked.get("card_id"))
