"""How much the station has of everything, what is low first; and the card stock of its own products."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct, structs
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.cards import routes
from admin_ui.cards.desk import Desk, Item
from admin_ui.frame import AnyRequest, PathId, chips, page
from admin_ui.lists import bar as list_bar
from admin_ui.lists.stock import SOURCE
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.stock import queries, service
from tenants.stock.queries import Level
from tenants.toggles import flags

ROOT = "/console/stock"


class WarningForm(Struct, frozen=True):
    """Units at which the owner is warned; empty: never."""

    warn_at: Annotated[int, Meta(ge=0, le=1000)] | None = None


class StockController(Controller):
    path = ROOT
    opt = flags.STOCK_ROOM.opt

    @get("/", guards=[requires(Permission.PRODUCTS_READ)])
    async def levels(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.LEVELS, values, asked)
            await service.measure(session, [row.id for row in found.items])  # of these the person sees what is true now
            found = await paging.of_sql(session, queries.LEVELS, values, asked)
            pace = await queries.sold_a_day(session, [row.id for row in found.items])
            bar = await list_bar.of(session, SOURCE, staff, asked.query)
        return page(
            request,
            "console/stock.html",
            found=found.map(lambda row: _lasting(queries.level(row), pace.get(row.id, 0.0))),
            filters=chips(asked, "stock"),
            asked=asked,
            bar=bar,
        )

    @post("/{item_id:int}/warning", guards=[requires(Permission.CARDS_WRITE)])
    async def warn(
        self,
        item_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            units = (await forms.parse(request, WarningForm)).warn_at
        except Invalid as error:
            answers.toast(request, error.errors["warn_at"], "error")
            return answers.redirect(request, f"{ROOT}/{item_id}")
        async with tenant.begin() as session:
            before = (await queries.own_product(session, item_id)).warn_at
            await service.warn_at(session, item_id, units)
            await audit.record(
                session, staff.name, "cards.warn", str(item_id), None, staff.address,
                before={"warn_at": before}, after={"warn_at": units},
            )  # fmt: skip
        answers.toast(request, gettext("The warning level is saved."))
        return answers.redirect(request, f"{ROOT}/{item_id}")


def _lasting(level: Level, a_day: float) -> Level:
    """With the days that it lasts at the pace of the last two weeks."""
    if not a_day or level.is_capped:
        return level
    return structs.replace(level, days_left=int(level.units / a_day))


async def _item(session: AsyncSession, product_id: int) -> Item:
    product = await queries.own_product(session, product_id)
    return Item(product.id, product.name, f"/console/products/{product.id}", product.warn_at)


DESK = Desk(
    root=ROOT,
    title=N_("Stock"),
    read=Permission.PRODUCTS_READ,
    write=Permission.CARDS_WRITE,
    export=Permission.CARDS_EXPORT,
    item=_item,
    others=queries.own_products,
    has_warning=True,
    opt=dict(flags.STOCK_ROOM.opt),
)
HANDLERS: list[ControllerRouterHandler] = [StockController, *routes.handlers(DESK)]
