"""The station's orders: found, looked at, delivered by hand, called off, refunded."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import features, ledger
from admin_ui.frame import AnyRequest, PathNo, chips, page
from billing.ledger import queries as ledger_queries
from billing.ledger.errors import NeverCharged, UnderWay
from billing.payments import queries as payments
from kameng.audit import service as audit
from kameng.cards import service as cards
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.buyers import queries as buyers
from tenants.desk import queries as desk
from tenants.orders import live, queries, refunds, service
from tenants.orders.errors import KeysKnown, NotCancellable, NotDeliverable, NotRefundable
from tenants.orders.states import State

MOST_SIGNS = 40_000  # of what is handed over at once


class Delivery(Struct, frozen=True, kw_only=True):
    """What a member of staff hands over: cards, one a line, or words that say what was done."""

    cards: Annotated[str, Meta(max_length=MOST_SIGNS, extra={"lines": True})] = ""
    message: Annotated[str, Meta(max_length=1000, extra={"lines": True})] = ""


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

    @post("/{no:str}/deliver", guards=[requires(Permission.ORDERS_WRITE)])
    async def deliver(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        sealer = await runtime.keyring.tenant(tenant.id)
        try:
            given = await forms.parse(request, Delivery)
            async with tenant.begin() as session:
                before = await queries.order_by_no(session, no, lock=True)
                had = before.delivered_quantity
                handed = handed_over(given, before.quantity - had)
                order = await service.deliver_by_hand(session, sealer, no, handed, staff.name)
                detail = {"units": order.delivered_quantity - had, "state": order.state}
                await audit.record(session, staff.name, "orders.deliver", no, detail, staff.address)
        except (Invalid, KeysKnown) as error:
            return await order_page(request, tenant, no, status=422, delivery_form=await forms.again(request, error))
        except (NotDeliverable, UnderWay) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, no)
            answers.toast(request, gettext("It is on the buyer's page."))
        return answers.redirect(request, f"/console/orders/{no}")

    @post("/{no:str}/cancel", guards=[requires(Permission.ORDERS_WRITE)])
    async def cancel(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                order = await queries.order_by_no(session, no)
                if await service.cancel(session, order.id, staff.name):
                    detail = {"amount_cents": order.total_cents}
                    await audit.record(session, staff.name, "orders.cancel", no, detail, staff.address)
        except NotCancellable as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, no)
            answers.toast(request, gettext("The order is cancelled."))
        return answers.redirect(request, f"/console/orders/{no}")

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
                order = await service.refund(session, no, by=staff.name)
                detail = {"amount_cents": order.total_cents}
                await audit.record(session, staff.name, "orders.refund", no, detail, staff.address)
        except (NotRefundable, UnderWay, NeverCharged) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, no)
            answers.toast(request, gettext("The money is back in the buyer's wallet."))
        return answers.redirect(request, f"/console/orders/{no}")


def handed_over(given: Delivery, missing: int) -> list[str] | str:
    """The cards, or the words. Raises `Invalid` at the field."""
    lines = [line.strip() for line in given.cards.splitlines() if line.strip()]
    if len(set(lines)) < len(lines):
        raise Invalid({"cards": gettext("The same card stands there twice.")})
    if len(lines) > missing:
        raise Invalid({"cards": gettext("%(num)s are missing, and these are more.", num=missing)})
    if lines:
        return lines
    if not given.message:
        raise Invalid({"cards": gettext("Write the cards, or a message that says what was done.")})
    return given.message


async def order_page(
    request: AnyRequest,
    tenant: Tenant,
    no: str,
    refund_form: forms.Form | None = None,
    status: int = 200,
    *,
    delivery_form: forms.Form | None = None,
) -> Template:
    """One order with all that its page shows; something is wrong in `refund_form` or `delivery_form`."""
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
            form=delivery_form,
            can_be_refunded=order.state in (State.PAID, State.WAITING) and not order.delivered_quantity,
            can_be_delivered=order.state in (State.PAID, State.WAITING),
            refunds=await refunds.of_order(session, order.id),
            cases=await desk.about(session, order.no),
            messages=await desk.messages(session, order.id),
            by_channel=channel.name if channel and paid_by_channel else "",
            refund_form=refund_form,
            request_key=ids.code(20),
        )
