"""Paying in to the deposit through the master's own payment channels."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.console import plan
from admin_ui.frame import AnyRequest, PathNo, page
from billing.payments import queries as payments
from billing.payments import service as paying
from billing.payments.errors import AmountOutOfRange, ChannelGone, PaymentGone
from billing.payments.till import master_till
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff

ROOM = "/console/plan/payments"


class PayInForm(Struct, frozen=True):
    """An amount in yuan, and the master's channel by which it comes."""

    amount: Annotated[Decimal, Meta(extra={"ge": "1", "le": "50000", "places": 2})]
    channel_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]


class PayInController(Controller):
    path = ROOM

    @post("/", guards=[requires(Permission.PLAN_WRITE)])
    async def begin(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            no = await _begin(runtime, tenant, await forms.parse(request, PayInForm), staff)
        except (Invalid, ChannelGone, AmountOutOfRange) as error:
            form = await forms.again(request, _at_our_field(error))
            return await plan.show_page(request, runtime, tenant, pay_form=form, status=422)
        return answers.redirect(request, f"{ROOM}/{no}")

    @get("/{no:str}", guards=[requires(Permission.PLAN_READ)])
    async def show(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
    ) -> Template:
        return await _page(request, runtime, tenant, no, "console/pay_in.html")

    @get("/{no:str}/status", guards=[requires(Permission.PLAN_READ)], opt={"quiet": True})
    async def status(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
    ) -> Template:
        return await _page(request, runtime, tenant, no, "console/pay_in_status.html")


async def _begin(runtime: Runtime, tenant: Tenant, sent: PayInForm, by: Staff) -> str:
    """The number of a new payment to the master. Raises `ChannelGone`, `AmountOutOfRange`."""
    async with master_till(runtime).begin() as session:
        cents, subject = to_cents(sent.amount), str(tenant.id)
        payment = await paying.open_payment(session, by.id, sent.channel_id, cents, paying.DEPOSIT, subject)
    async with tenant.begin() as session:
        detail = {"amount_cents": cents}
        await audit.record(session, by.name, "deposits.begin", payment.no, detail, by.address)
    return payment.no


async def _page(request: AnyRequest, runtime: Runtime, tenant: Tenant, no: str, template: str) -> Template:
    """Raises `PaymentGone` for another station's payment too."""
    till = master_till(runtime)
    async with till.begin() as session:
        payment = await payments.payment(session, no)
        if payment.purpose != paying.DEPOSIT or payment.subject != str(tenant.id):
            raise PaymentGone
        channel = await payments.channel(session, payment.channel_id)
    back = f"{runtime.settings.base_url(tenant.host)}{ROOM}/{payment.no}"
    title = gettext("Deposit of %(shop)s", shop=tenant.name)
    pay_url = await paying.pay_url(runtime, till, payment, channel, title, back) if payment.state != "paid" else ""
    return page(request, template, payment=payment, channel=channel.name, pay_url=pay_url)


def _at_our_field(error: Invalid | ChannelGone | AmountOutOfRange) -> Invalid | AmountOutOfRange:
    """The storefront calls the field of a channel otherwise."""
    return Invalid({"channel_id": error.message}) if isinstance(error, ChannelGone) else error
