"""What a station runs short of: a reminder with a quantity, an order to the product's supplier by message or file, and
what has come of it. Cards that are imported for the product count towards its oldest order."""

import csv
import io
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, chips, page
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.stock import replenishment as service
from tenants.stock import replenishment_queries as queries
from tenants.stock.replenishment_queries import Replenishment, Source
from tenants.toggles import flags

ROOM = "/console/replenish"


class OrderForm(Struct, frozen=True):
    """What is ordered, and from whom; the product remembers its supplier."""

    quantity: Annotated[int, Meta(ge=1, le=100_000)]
    supplier: Annotated[str, Meta(min_length=1, max_length=100)]
    lead_days: Annotated[int, Meta(ge=0, le=60)] = 1
    note: Annotated[str, Meta(max_length=500, extra={"lines": True})] = ""


class ReplenishController(Controller):
    path = ROOM
    opt = flags.REPLENISHMENT.opt

    @get("/", guards=[requires(Permission.PRODUCTS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
        return page(
            request, "console/replenish.html", found=found.map(queries.line), asked=asked,
            filters=chips(asked, "station_replenishment"),
        )  # fmt: skip

    @get("/{replenishment_id:int}", guards=[requires(Permission.PRODUCTS_READ)])
    async def show(self, replenishment_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _page(request, tenant, replenishment_id)

    @post("/{replenishment_id:int}/order", guards=[requires(Permission.REPLENISH_WRITE)])
    async def order(
        self,
        replenishment_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, OrderForm)
            source = Source(sent.supplier, sent.lead_days)
            async with tenant.begin() as session:
                done = await service.order(session, replenishment_id, sent.quantity, source, sent.note, staff.name)
                detail = {"product": done.product, "supplier": done.supplier, "units": done.quantity}
                await audit.record(
                    session, staff.name, "replenish.order", str(replenishment_id), detail, staff.address
                )  # fmt: skip
        except (Invalid, Conflict) as error:
            return await _page(request, tenant, replenishment_id, await forms.again(request, error), 422)
        answers.toast(request, gettext("Noted. Send the message to the supplier, and import the cards when they come."))
        return answers.redirect(request, f"{ROOM}/{replenishment_id}")

    @post("/{replenishment_id:int}/end", guards=[requires(Permission.REPLENISH_WRITE)])
    async def end(
        self,
        replenishment_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                done = await service.end(session, replenishment_id, staff.name)
                detail = {"product": done.product, "to": done.state}
                await audit.record(session, staff.name, "replenish.end", str(replenishment_id), detail, staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "warn")
        return answers.redirect(request, ROOM)

    @post("/products/{product_id:int}/wanted", guards=[requires(Permission.REPLENISH_WRITE)])
    async def want(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            await service.want(session, product_id, cause="by_hand")
            await audit.record(session, staff.name, "replenish.want", str(product_id), None, staff.address)
        answers.toast(request, gettext("Asked for."))
        return answers.redirect(request, ROOM)

    @get("/{replenishment_id:int}/order.csv", guards=[requires(Permission.PRODUCTS_READ)])
    async def file(self, replenishment_id: PathId, tenant: NamedDependency[Tenant]) -> Response[bytes]:
        async with tenant.begin() as session:
            one = await queries.find(session, replenishment_id)
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow([gettext("Number"), gettext("Product"), gettext("Quantity"), gettext("Note")])
        rows.writerow([_reference(one), _plain(one.product), one.quantity or one.suggested, _plain(one.note)])
        headers = {"Content-Disposition": f'attachment; filename="{_reference(one)}.csv"'}
        return Response(text.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


async def _page(
    request: AnyRequest, tenant: Tenant, replenishment_id: int, form: Form | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        one = await queries.find(session, replenishment_id)
        source = await queries.source(session, one.product_id)
    fields = {"quantity": str(one.suggested), "supplier": source.supplier, "lead_days": str(source.lead_days)}
    return page(
        request, "console/replenishment.html", status=status, one=one, form=form or Form(values=fields),
        message=_message(tenant, one),
    )  # fmt: skip


def _message(tenant: Tenant, one: Replenishment) -> str:
    """What the supplier is sent."""
    words = gettext(
        "%(shop)s orders %(quantity)s x %(product)s. Number: %(number)s.",
        shop=tenant.name, quantity=one.quantity or one.suggested, product=one.product, number=_reference(one),
    )  # fmt: skip
    return f"{words}\n{one.note}".strip()


def _reference(one: Replenishment) -> str:
    return f"R{one.id}"


def _plain(words: str) -> str:
    """A cell that no program takes for a formula."""
    return f"'{words}" if words[:1] in tuple("=+-@\t\r") else words
