"""What was bought from suppliers, for which order of which station."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import ledger
from admin_ui.frame import AnyRequest, PathNo, chips, page
from billing.ledger import queries as ledger_queries
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import paging
from kameng.web.guards import requires
from supplier_gateway.goods import queries as goods
from supplier_gateway.purchases import queries
from supplier_gateway.suppliers import queries as suppliers
from tenants.registry import queries as registry


class PurchaseController(Controller):
    path = "/purchases"

    @get("/", guards=[requires(Permission.PURCHASES_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
            stations = await registry.names(session, [row.tenant_id for row in found.items])
            names = {supplier.id: supplier.name for supplier in await suppliers.all_suppliers(session)}
        filters = chips(asked, "purchase")
        return page(
            request,
            "master/purchases.html",
            found=found,
            stations=stations,
            suppliers=names,
            filters=filters,
            asked=asked,
        )

    @get("/{reference:str}", guards=[requires(Permission.PURCHASES_READ)])
    async def show(self, reference: PathNo, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            purchase = await queries.by_reference(session, reference)
            station = await registry.names(session, [purchase.tenant_id])
            entries = await ledger_queries.entries_of(session, reference)
            return page(
                request,
                "master/purchase.html",
                purchase=purchase,
                station=station.get(purchase.tenant_id, ""),
                supplier=await suppliers.find(session, purchase.supplier_id),
                good=await goods.good(session, purchase.good_id),
                tries=await queries.of_order(session, purchase.order_ref),
                transfers_of_purchase=ledger.transfers(entries),
            )
