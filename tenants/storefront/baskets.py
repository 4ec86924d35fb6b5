"""`/baskets/{no}`: several orders that are paid together."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template

from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers
from kameng.web.answers import AnyRequest, render
from kameng.web.i18n import gettext
from kameng.web.people import Visitor
from tenants.orders import baskets, live
from tenants.orders.errors import OrderGone
from tenants.storefront import basket_view, numbers, order_view, pages, stream
from tenants.storefront.products import PUBLIC
from tenants.storefront.stream import Seen

LOOK_AGAIN_S = 2.0  # its orders are carried on one by one, and none of them knows of this page


class BasketController(Controller):
    path = "/baskets"
    opt = PUBLIC

    @get("/{no:str}")
    async def show(
        self,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        seen = await basket_view.view(runtime, tenant, visitor, no)
        viewer = pages.shopper_with(visitor, seen.wallet_cents)
        return render("storefront/basket.html", viewer=viewer, seen=seen, label=order_view.label)

    @get("/{no:str}/status", opt={"quiet": True})
    async def status(
        self,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        seen = await basket_view.view(runtime, tenant, visitor, no)
        return render("storefront/parts/basket_live.html", seen=seen, label=order_view.label)

    @get("/{no:str}/live", opt={"quiet": True})
    async def live(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Stream:
        basket = await basket_view.view(runtime, tenant, visitor, no, way_to_pay=False)

        async def look() -> Seen:
            now = await basket_view.view(runtime, tenant, visitor, basket.no, way_to_pay=False)
            return Seen(now.mark, now.final)

        shown = request.query_params.get("shown", "")
        followed = stream.follow(runtime.hub, live.topic(tenant, basket.no), shown, look, LOOK_AGAIN_S)
        return stream.events(followed)

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
        async with tenant.begin() as session:
            basket = await baskets.of_buyer(session, visitor.buyer_id, numbers.basket_no(no))
            called_off = await baskets.call_off(session, basket)
        for order_no in [*called_off, basket[0].basket_no]:
            await live.changed(runtime, tenant, order_no)
        if called_off:
            answers.toast(request, gettext("The orders are cancelled."))
        else:
            answers.toast(request, gettext("Nothing of it is to be paid any more."), "error")
        return answers.redirect(request, f"/baskets/{basket[0].basket_no}")
