"""`/pages/{path}`: what the owner has written."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from kameng.infra.tenancy import Tenant
from kameng.web.people import Visitor
from tenants.branding import markup, queries
from tenants.storefront import pages
from tenants.storefront.products import PUBLIC


class WrittenController(Controller):
    opt = PUBLIC

    @get("/pages/{path:str}")
    async def show(
        self, path: FromPath[str], tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        async with tenant.begin() as session:
            page = await queries.published(session, path)
            html = markup.to_html(page.body)
            return await pages.page(session, visitor, "storefront/written.html", page=page, html=html)
