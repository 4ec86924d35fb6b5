"""`/orders`: buying, the buyer's orders, one order and its keys."""

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template

from kameng.core.errors import Conflict, Invalid, KamengError, Refused
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms, paging
from kameng.web.answers import AnyRequest, render
from kameng.web.context import header
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Visitor
from tenants.orders import live, service
from tenants.orders import queries as orders
from tenants.orders.errors import NotCancellable, OrderGone
from tenants.orders.service import OrderDraft, Placed
from tenants.storefront import checkout, entry, finding, numbers, order_view, pages, stream
from tenants.storefront.products import PUBLIC, product_page
from tenants.storefront.stream import Seen
from tenants.toggles.reading import Reading

JSON = "application/json"
INPUT = "inputs."


class OrderController(Controller):
    path = "/orders"
    opt = PUBLIC

    @post()
    async def place(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        try:
            draft = await forms.parse(request, OrderDraft)
            reading = Reading(context.of(request.scope).flags)
            sale = await checkout.buy(runtime, tenant, visitor, draft, reading, await _inputs(request))
        except (Invalid, Refused, Conflict) as error:
            return await _form_again(request, tenant, visitor, error)
        if sale.guest:
            await entry.remember(request, runtime, tenant, sale.guest)
        return _placed(request, sale.placed)

    @get()
    async def mine(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        async with tenant.begin() as session:
            found = None
            if visitor.buyer_id is not None:
                asked = paging.wanted(request)
                found = await paging.of_select(session, orders.of_buyer(visitor.buyer_id), asked)
            return await pages.page(session, visitor, "storefront/orders.html", page=found, label=order_view.label)

    @get("/find")
    async def find(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        no = request.query_params.get("no", "")
        if found := await finding.find(runtime, tenant, visitor, no):
            return answers.redirect(request, f"/orders/{found}")
        async with tenant.begin() as session:
            form = finding.form(visitor, no)
            status = 404 if no else 200
            return await pages.page(session, visitor, "storefront/find.html", status=status, form=form)

    @get("/{no:str}")
    async def show(
        self,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        seen = await order_view.view(runtime, tenant, visitor, no)
        viewer = pages.shopper_with(visitor, seen.wallet_cents)
        return render("storefront/order.html", viewer=viewer, seen=seen, label=order_view.label)

    @get("/{no:str}/status", opt={"quiet": True})
    async def status(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        seen = await order_view.view(runtime, tenant, visitor, no)
        if _wants_json(request):
            return _json(order_view.answer(seen))
        return render("storefront/parts/order_now.html", seen=seen)

    @get("/{no:str}/live", opt={"quiet": True})
    async def live(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Stream:
        order = await order_view.read(tenant, visitor, no)

        async def look() -> Seen:
            now = await order_view.read(tenant, visitor, order.no)
            return Seen(now.mark, now.final)

        shown = request.query_params.get("shown", "")
        return stream.events(stream.follow(runtime.hub, live.topic(tenant, order.no), shown, look))

    @post("/{no:str}/cancel")
    async def cancel(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        if visitor.buyer_id is None:
            raise OrderGone
        try:
            async with tenant.begin() as session:
                order = await orders.order_of(session, visitor.buyer_id, numbers.order_no(no))
                await service.cancel(session, order.id, "")
        except NotCancellable as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, order.no)
            answers.toast(request, gettext("The order is cancelled."))
        return answers.redirect(request, f"/orders/{no}")

    @get("/{no:str}/keys.txt")
    async def keys(
        self,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        seen = await order_view.view(runtime, tenant, visitor, no)
        if not seen.keys:
            raise OrderGone
        await order_view.log_file(tenant, visitor, seen.order.no)
        body = "".join(f"{key}\r\n" for key in seen.keys).encode()
        named = f'attachment; filename="{seen.order.no}.txt"'
        return Response(body, media_type="text/plain", headers={"Content-Disposition": named})


async def _inputs(request: AnyRequest) -> dict[str, str]:
    """What was filled in for the product's fields, by their place."""
    sent = await forms.pairs(request)
    return {name.removeprefix(INPUT): said for name, said in sent if name.startswith(INPUT)}


def _placed(request: AnyRequest, placed: Placed) -> Response[bytes]:
    if _wants_json(request):
        return _json({"no": placed.no, "state": placed.state, "total_cents": placed.total_cents})
    return answers.redirect(request, f"/orders/{placed.no}")


async def _form_again(request: AnyRequest, tenant: Tenant, visitor: Visitor, error: KamengError) -> Response[bytes]:
    """The product's page with what was entered and what is wrong. Machines get the error itself."""
    names_no_product = isinstance(error, Invalid) and not {"product_id", "form"}.isdisjoint(error.errors)
    if names_no_product or _wants_json(request):
        raise error
    form = await forms.again(request, error)
    status = 409 if isinstance(error, Conflict) else 422
    return await product_page(tenant, visitor, int(form.values["product_id"]), form, status)


def _wants_json(request: AnyRequest) -> bool:
    accept = header(request.scope, b"accept")
    return JSON in accept and "text/html" not in accept


def _json(value: object) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type=JSON, status_code=200)
