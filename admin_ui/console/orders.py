"""The station's orders: found, looked at, delivered by hand, called off, refunded."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import features, ledger
from admin_ui.frame import AnyRequest, PathNo, chips, page
from admin_ui.lists import bar as list_bar
from admin_ui.lists import order_filters
from admin_ui.lists.orders import SOURCE
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
from kameng.web import answers, forms, keyset
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.keyset import Leaf, Place
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from tenants.buyers import queries as buyers
from tenants.desk import queries as desk
from tenants.orders import finding, live, queries, refunds, service
from tenants.orders.errors import KeysKnown, NotCancellable, NotDeliverable, NotRefundable
from tenants.orders.finding import Line
from tenants.orders.states import State

MOST_SIGNS = 40_000  # of what is handed over at once


class Delivery(Struct, frozen=True, kw_only=True):
    """What a member of staff hands over: cards, one a line, or words that say what was done."""

    cards: Annotated[str, Meta(max_length=MOST_SIGNS, extra={"lines": True})] = ""
    message: Annotated[str, Meta(max_length=1000, extra={"lines": True})] = ""


class OrderController(Controller):
    path = "/console/orders"

    @get("/", guards=[requires(Permission.ORDERS_READ)])
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Template:
        asked, place = keyset.wanted(request)
        form = forms.Form(asked.query)
        async with tenant.begin() as session:
            try:
                found = await _leaf(session, asked, place)
            except Invalid as error:
                form = forms.Form(asked.query, {name: gettext(said) for name, said in error.errors.items()})
                found = keyset.leaf([], 0, asked, place, _key)
            counts = await queries.open_counts(session)
            ways = [
                ("wallet", gettext("Wallet")),
                *((one.id, one.name) for one in await payments.all_channels(session)),
            ]
            bar = await list_bar.of(session, SOURCE, staff, asked.query)
        return page(
            request,
            "console/orders.html",
            status=422 if form.errors else 200,
            found=found,
            filters=chips(asked, "order", counts),
            asked=asked,
            form=form,
            channel_options=[("", gettext("Any way")), *ways],
            bar=bar,
            folded={name: asked.get(name) for name in order_filters.FOLDED if asked.get(name)},
        )

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


async def _leaf(session: AsyncSession, asked: Wanted, place: Place) -> Leaf[Line]:
    """Raises `Invalid` at the filters that make no sense."""
    sought = await finding.ask(session, order_filters.wish(asked.query))
    after = _id(place.key)
    place = place if after else Place()
    rows = await finding.lines(session, sought, after=after, backwards=place.backwards, limit=asked.size + 1)
    if place.backwards and len(rows) <= asked.size:  # the newest ones: a whole leaf of them
        place = Place()
        rows = await finding.lines(session, sought, limit=asked.size + 1)
    return keyset.leaf(rows, await finding.count(session, sought, keyset.MOST + 1), asked, place, _key)


def _key(line: Line) -> str:
    return str(line.id)


def _id(said: str) -> UUID | None:
    """What an address calls an order; nonsense counts as absent."""
    try:
        return UUID(said)
    except ValueError:
        return None


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
        channels = {str(one.id): one for one in await payments.all_channels(session)}
        channel = channels.get(str(payment.channel_id) if payment else order.pay_method)
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
