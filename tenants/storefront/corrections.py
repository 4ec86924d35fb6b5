"""`/orders/{no}/inputs`: the buyer puts right what a supplier has refused."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from kameng.core.errors import Conflict, Invalid, Refused
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.answers import AnyRequest
from kameng.web.forms import Form
from kameng.web.i18n import gettext
from kameng.web.people import Visitor
from tenants.desk import correcting
from tenants.orders import live
from tenants.orders.errors import NotDeliverable, OrderGone
from tenants.storefront import numbers, pages
from tenants.storefront.products import PUBLIC, choices_of

INPUT = "inputs."


class CorrectionController(Controller):
    path = "/orders/{no:str}/inputs"
    opt = PUBLIC

    @get()
    async def form(
        self, request: AnyRequest, no: FromPath[str], tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Response[Any] | Template:
        try:
            return await _page(tenant, visitor, no)
        except NotDeliverable:
            return answers.redirect(request, f"/orders/{numbers.order_no(no)}")

    @post()
    async def correct(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[Any] | Template:
        if visitor.buyer_id is None:
            raise OrderGone
        no = numbers.order_no(no)
        sent = await forms.pairs(request)
        filled_in = {name.removeprefix(INPUT): said for name, said in sent if name.startswith(INPUT)}
        try:
            await correcting.by_buyer(runtime, tenant, visitor.buyer_id, no, filled_in)
        except NotDeliverable:
            answers.toast(request, gettext("It has gone on already."))
        except (Invalid, Refused, Conflict) as error:
            return await _page(tenant, visitor, no, await forms.again(request, error), status=422)
        else:
            await live.changed(runtime, tenant, no)
            answers.toast(request, gettext("Thank you. Your order goes on with that."))
        return answers.redirect(request, f"/orders/{no}")


async def _page(tenant: Tenant, visitor: Visitor, no: str, form: Form | None = None, status: int = 200) -> Template:
    """Raises `OrderGone`, and `NotDeliverable` when the order does not wait for this."""
    if visitor.buyer_id is None:
        raise OrderGone
    async with tenant.begin() as session:
        order = await correcting.refused_of(session, visitor.buyer_id, numbers.order_no(no))
        fields = await correcting.fields_of(session, order)
        before = {f"{INPUT}{place}": order.inputs.get(field["label"], "") for place, field in enumerate(fields)}
        return await pages.page(
            session, visitor, "storefront/order_inputs.html", status=status, order=order, fields=fields,
            form=form or Form(before), labels={f"{INPUT}{place}": one["label"] for place, one in enumerate(fields)},
            choices_of=choices_of,
        )  # fmt: skip
