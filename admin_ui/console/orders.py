"""The station's orders: found, looked at, refunded."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import features, ledger
from admin_ui.frame import AnyRequest, PathNo, chips, page
from billing.ledger import queries as ledger_queries
from billing.ledger.errors import NeverCharged, UnderWay
from billing.payments import queries as payments
from kameng.audit import service as audit
from kameng.cards import service as cards
from kameng.core import ids
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.buyers import queries as buyers
from tenants.orders import live, queries, refunds, service
from tenants.orders.errors import NotRefundable
from tenants.orders.refunds import AFTER_SALE
from tenants.orders.states import State, sources_of


class OrderController(Controller):
    path = "/console/orders"

    @get("/", guards=[requires(Permission.ORDERS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            found = await paging.of_select(session, queries.search(asked.search, asked.get("state")), asked)
            counts = await queries.open_counts(session)
        return page(request, "console/orders.html", found=found, filters=chips(asked, "order", counts), asked=asked)

    @get("/{no:str}", guards=[requires(Permission.ORDERS_READ)])
    async def show(self, no: PathNo, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await order_page(request, tenant, no)

    @post("/{no:str}/refund", guards=[requires(Permission.ORDERS_REFUND)])
    async def refund(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                order = await service.refund(session, no)
                detail = {"amount_cents": order.total_cents}
                await audit.record(session, staff.name, "orders.refund", no, detail, staff.address)
        except (NotRefundable, UnderWay, NeverCharged) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, no)
            answers.toast(request, gettext("The money is back in the buyer's wallet."))
        return answers.redirect(request, f"/console/orders/{no}")


async def order_page(
    request: AnyRequest, tenant: Tenant, no: str, refund_form: Form | None = None, status: int = 200
) -> Template:
    """One order with all that its page shows; `refund_form` is what was wrong in the form of a refund."""
    async with tenant.begin() as session:
        order = await queries.order_by_no(session, no)
        payment = await payments.payment_for(session, no)
        entries = list(await ledger_queries.entries_of(session, payment.no)) if payment else []
        entries += await ledger_queries.entries_of(session, str(order.id))
        channel = await payments.channel(session, payment.channel_id) if payment else None
        paid_by_channel = await refunds.payment_no_of(session, order) is not None
        return page(
            request,
            "console/order.html",
            status=status,
            order=order,
            payment=payment,
            buyer=await buyers.buyer(session, order.buyer_id),
            channel=channel,
            history=await queries.history(session, order.id),
            transfers_of_order=ledger.transfers(entries),
            features=features.sold_under(order.flags),
            cards=len(await cards.issued(session, order.id)),
            can_be_refunded=order.state in sources_of(State.REFUNDED) and order.state not in AFTER_SALE,
            refunds=await refunds.of_order(session, order.id),
            by_channel=channel.name if channel and paid_by_channel else "",
            refund_form=refund_form,
            request_key=ids.code(20),
        )
