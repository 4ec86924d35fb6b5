"""`/lookup`: an order opened by its query password, and for half an hour by the grant that this gives."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import structs

from kameng.cards import reveals
from kameng.core.errors import Invalid
from kameng.infra import ratelimit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms, grants
from kameng.web.answers import AnyRequest
from kameng.web.people import Visitor
from tenants.aftersale import lookup
from tenants.aftersale import queries as tickets
from tenants.aftersale.errors import NotFoundHere
from tenants.aftersale.lookup import Asked, Found
from tenants.orders.errors import OrderGone
from tenants.storefront import order_view, pages
from tenants.storefront.order_view import OrderView
from tenants.toggles import flags

GRANT_LASTS_S = 1800


class LookupController(Controller):
    path = "/lookup"
    opt = {"public": True} | flags.GUEST_LOOKUP.opt

    @get()
    async def blank(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        form = forms.Form({"order_no": request.query_params.get("no", "")[:40]})
        async with tenant.begin() as session:
            return await pages.page(session, visitor, "storefront/lookup.html", form=form)

    @post()
    async def look_up(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        try:
            asked = await forms.parse(request, Asked)
            found = await lookup.find(runtime, tenant, visitor.address, asked)
        except (Invalid, NotFoundHere) as error:
            form = await forms.again(request, error)
            async with tenant.begin() as session:
                return await pages.page(session, visitor, "storefront/lookup.html", status=422, form=form)
        async with tenant.begin() as session:
            await lookup.remember(session, found.id, "opened", visitor.address, visitor.user_agent)
        grants.give(context.of(request.scope), found.no, GRANT_LASTS_S)
        return answers.redirect(request, "/lookup/order")

    @get("/order")
    async def show(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        no = grants.held(context.of(request.scope))
        if not no:
            return answers.redirect(request, "/lookup")
        _found, seen = await _granted(runtime, tenant, visitor, no)
        return await _page(tenant, visitor, seen, [])

    @post("/order/keys")
    async def reveal(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        """The answer is the only page that shows them; each time is written down."""
        no = grants.held(context.of(request.scope))
        if not no:
            return answers.redirect(request, "/lookup")
        await ratelimit.take(runtime.redis, (lookup.REVEALING, f"{tenant.id}\n{no}"))
        found, seen = await _granted(runtime, tenant, visitor, no)
        if not seen.keys:
            raise OrderGone
        async with tenant.begin() as session:
            await lookup.remember(session, found.id, "revealed", visitor.address, visitor.user_agent)
            await reveals.log(session, "buyer", "lookup", "", visitor.address, order_ref=found.id)
        return await _page(tenant, visitor, seen, seen.keys)

    @post("/leave")
    async def leave(self, request: AnyRequest) -> Response[bytes]:
        """Closes the order in this browser, which may not be the buyer's own."""
        grants.take_back(context.of(request.scope))
        return answers.redirect(request, "/lookup")


async def _granted(runtime: Runtime, tenant: Tenant, visitor: Visitor, no: str) -> tuple[Found, OrderView]:
    """The order as its buyer would see it. Raises `NotFoundHere`."""
    async with tenant.begin() as session:
        found = await lookup.granted(session, no)
    as_buyer = structs.replace(visitor, buyer_id=found.buyer_id)
    return found, await order_view.view(runtime, tenant, as_buyer, no, is_look=False)


async def _page(tenant: Tenant, visitor: Visitor, seen: OrderView, keys: list[str]) -> Template:
    async with tenant.begin() as session:
        about = await tickets.about(session, seen.order.no)
        return await pages.page(
            session,
            visitor,
            "storefront/looked_up.html",
            seen=seen,
            order=seen.order,
            keys=keys,
            tickets=about,
            label=order_view.label,
            lasts_minutes=GRANT_LASTS_S // 60,
        )
