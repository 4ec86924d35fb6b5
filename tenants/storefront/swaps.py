"""`/orders/{no}/swap`: the buyer takes what he is offered in place of his order, or declines it."""

from typing import Literal
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from billing.ledger.errors import UnderWay
from kameng.core.errors import Conflict, NotFound, Refused
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.answers import AnyRequest
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Visitor
from tenants.desk import answering, tasks
from tenants.orders import live
from tenants.orders.errors import OrderGone
from tenants.storefront import numbers
from tenants.storefront.products import PUBLIC
from tenants.toggles import flags


class Answer(Struct, frozen=True):
    swap_id: UUID
    answer: Literal["take", "decline"]


class SwapController(Controller):
    path = "/orders/{no:str}/swap"
    opt = PUBLIC | flags.SWAPS.opt

    @post()
    async def answer(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        if visitor.buyer_id is None:
            raise OrderGone
        no, new_no = numbers.order_no(no), ""
        sent = await forms.parse(request, Answer)
        try:
            async with tenant.begin() as session:
                swap = await answering.answer(session, visitor.buyer_id, no, sent.swap_id, takes=sent.answer == "take")
        except (UnderWay, Conflict, Refused, NotFound) as refusal:
            if isinstance(refusal, OrderGone):
                raise
            answers.toast(request, of_error(refusal), "error")
        else:
            if swap.state == "accepted":
                new_no = await tasks.carry_out(runtime, tenant, swap.id)
            await live.changed(runtime, tenant, no)
            if new_no:
                answers.toast(request, gettext("Done. This is your new order."))
        return answers.redirect(request, f"/orders/{new_no or no}")
