"""`/pay/{no}`: a payment's page, before the gateway and after it.

What the gateway's return says is not read: money is credited when the gateway has been asked
(`billing.payments.service`), and this page shows what has been credited.
"""

from datetime import datetime

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template
from msgspec import Struct, convert

from billing.payments import queries as payments
from billing.payments import service as paying
from billing.payments.errors import PaymentGone
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers
from kameng.web.answers import AnyRequest, render
from kameng.web.i18n import gettext
from kameng.web.people import Visitor
from tenants.storefront import numbers, pages, stream
from tenants.storefront.products import PUBLIC
from tenants.storefront.stream import Seen

LOOK_AGAIN_S = 2.0  # a worker may have asked the gateway; it does not know of this page


class Payment(Struct, frozen=True, kw_only=True):
    """What a payer may know of his payment."""

    no: str
    purpose: str
    subject: str
    amount_cents: int
    state: str
    created_at: datetime


class PaymentView(Struct, frozen=True):
    """A payment as its payer sees it. `pay_url` leads to the gateway while it is not paid."""

    payment: Payment
    channel: str
    pay_url: str

    @property
    def is_paid(self) -> bool:
        return self.payment.state == "paid"


class PayController(Controller):
    path = "/pay"
    opt = PUBLIC

    @get("/{no:str}")
    async def show(
        self,
        request: AnyRequest,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        if visitor.buyer_id is None:  # a gateway's app may open another browser than the one that ordered
            return render("storefront/pay_elsewhere.html", viewer=None)
        seen = await view(runtime, tenant, visitor, no)
        if seen.payment.purpose == "order":
            return answers.redirect(request, f"/orders/{seen.payment.subject}")
        if seen.payment.purpose == "basket":
            return answers.redirect(request, f"/baskets/{seen.payment.subject}")
        async with tenant.begin() as session:
            return await pages.page(session, visitor, "storefront/pay.html", seen=seen)

    @get("/{no:str}/status", opt={"quiet": True})
    async def status(
        self,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        return render("storefront/parts/pay_live.html", seen=await view(runtime, tenant, visitor, no))

    @get("/{no:str}/live", opt={"quiet": True})
    async def live(
        self,
        no: FromPath[str],
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Stream:
        payment = await read(tenant, visitor, no)

        async def look() -> Seen:
            now = await read(tenant, visitor, payment.no)
            return Seen(now.state, now.state == "paid")

        return stream.events(stream.follow(runtime.hub, topic(tenant, payment.no), "pending", look, LOOK_AGAIN_S))


def topic(tenant: Tenant, payment_no: str) -> str:
    """What a payment's open page listens on."""
    return f"t{tenant.id}:payment:{payment_no}"


async def read(tenant: Tenant, visitor: Visitor, no: str) -> Payment:
    """The visitor's own payment. Raises `PaymentGone`."""
    if visitor.buyer_id is None:
        raise PaymentGone
    async with tenant.begin() as session:
        found = await payments.payment_of(session, visitor.buyer_id, numbers.payment_no(no))
    return convert(found, Payment, from_attributes=True)


async def view(runtime: Runtime, tenant: Tenant, visitor: Visitor, no: str) -> PaymentView:
    """The visitor's own payment with the way to the gateway. Raises `PaymentGone`."""
    if visitor.buyer_id is None:
        raise PaymentGone
    async with tenant.begin() as session:
        found = await payments.payment_of(session, visitor.buyer_id, numbers.payment_no(no))
        channel = await payments.channel(session, found.channel_id)
    payment = convert(found, Payment, from_attributes=True)
    if payment.state == "paid":
        return PaymentView(payment, channel.name, "")
    title = gettext("Top-up of %(shop)s", shop=tenant.name)
    return PaymentView(payment, channel.name, await paying.pay_url(runtime, tenant, found, channel, title))
