"""Coupons in the shop: a link that carries one, and what one takes off the product on a page."""

from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from kameng.core.errors import KamengError, TooManyRequests
from kameng.core.money import total_cents
from kameng.infra import ratelimit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context
from kameng.web.answers import AnyRequest, render
from kameng.web.context import Context
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Visitor
from tenants.marketing.coupons import queries, uses
from tenants.marketing.coupons.worth import Line
from tenants.orders import ladder
from tenants.shop import shelf
from tenants.shop.errors import ProductGone
from tenants.storefront.checkout import COUPON_TRIES
from tenants.storefront.products import PUBLIC, shown
from tenants.toggles import flags

COUPON = "kameng_coupon"
KEPT_S = 7 * 24 * 3600
LARGEST = 2**31 - 1


class CouponController(Controller):
    opt = PUBLIC | flags.COUPONS.opt

    @get("/coupon/{code:str}")
    async def carry(self, request: AnyRequest, code: FromPath[str]) -> Response[bytes]:
        """A link that the shop has sent: the code stands in the forms from now on. Whether it counts is said there."""
        here = context.of(request.scope)
        try:
            here.set_cookie(COUPON, queries.code_of(code), KEPT_S)
        except KamengError as error:
            answers.toast(request, of_error(error), "error")
        else:
            answers.toast(request, gettext("Your coupon is ready: choose a product."))
        return answers.redirect(request, "/")

    @get("/products/{product_id:int}/coupon", opt={"quiet": True})
    async def worth(
        self,
        product_id: FromPath[int],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        """`?coupon=` and `?quantity=` as they stand in the product's form."""
        if not 0 < product_id <= LARGEST:
            raise ProductGone
        code = request.query_params.get("coupon", "").strip()
        values: dict[str, Any] = {"code": code, "product_id": product_id, "trouble": ""}
        if code:
            try:
                await ratelimit.take(runtime.redis, (COUPON_TRIES, f"{tenant.id}\n{visitor.address}"))
                values |= await _worth(tenant, visitor, product_id, code, request.query_params.get("quantity", ""))
            except TooManyRequests as error:
                values["trouble"] = of_error(error)
        return render("storefront/parts/coupon_worth.html", **values)


async def _worth(tenant: Tenant, visitor: Visitor, product_id: int, code: str, quantity: str) -> dict[str, Any]:
    async with tenant.begin() as session:
        item = await shelf.on_sale(session, product_id)
        units = shown(item, quantity).quantity
        cents = total_cents(ladder.unit_price(item.price, item.ladder, units), units)
        try:
            found = await uses.look(session, code, visitor.buyer_id, [Line(item.id, cents)])
        except KamengError as refusal:
            return {"trouble": of_error(refusal)}
    return {"off_cents": found.total_cents, "total_cents": cents - found.total_cents}


def coupon_of(here: Context) -> str:
    """The code that a link has brought into this browser."""
    said = here.cookie(COUPON) or ""
    return said if queries.CODE.fullmatch(said) else ""


def code_for(request: Any) -> str:
    """The same for the templates."""
    return coupon_of(context.of(request.scope))
