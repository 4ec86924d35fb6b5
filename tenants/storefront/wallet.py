"""`/wallet`: the balance, where it came from and went, and topping it up."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import queries as ledger
from billing.payments import service as paying
from kameng.core.errors import Invalid, KamengError, Refused
from kameng.core.money import to_cents
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms
from kameng.web.answers import AnyRequest, render
from kameng.web.forms import Form
from kameng.web.i18n import N_
from kameng.web.people import Visitor
from tenants.orders import queries as orders
from tenants.orders.errors import NotTakingOrders
from tenants.storefront import checkout, entry, pages, pay_ways
from tenants.storefront.entry import Person
from tenants.storefront.products import PUBLIC
from tenants.toggles import flags
from tenants.toggles.reading import Reading

PRESETS = (10, 50, 100, 200)  # yuan
USUAL_PRESET = 50
TOPUPS = {"topup", "collect"}  # transfers whose reference is a payment; those of the others are orders
KINDS = {
    "topup": N_("Top-up"),
    "collect": N_("Top-up"),
    "refund": N_("Refund"),
    "sale": N_("Order"),
    "reversal": N_("Refund"),
    "part": N_("Refund"),
}
Yuan = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "50000", "places": 2})]


class Topup(Struct, frozen=True, kw_only=True):
    """What the form sends, in yuan: an amount of one's own goes before the chosen one."""

    pay_method: Annotated[str, Meta(min_length=1, max_length=20)]
    amount: Yuan | None = None
    preset: Yuan | None = None

    @property
    def cents(self) -> int:
        """Raises `Invalid` when no amount was given."""
        yuan = self.amount or self.preset
        if yuan is None:
            raise Invalid({"amount": N_("Choose an amount, or write one.")})
        return to_cents(yuan)


class Line(Struct, frozen=True, kw_only=True):
    """One movement of the wallet, with the balance after it, and the order that it was for, if any."""

    word: str
    at: datetime
    amount_cents: int
    balance_cents: int
    order_no: str = ""
    product_name: str = ""


class WalletController(Controller):
    path = "/wallet"
    opt = PUBLIC

    @get()
    async def show(self, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]) -> Template:
        return await wallet_page(tenant, visitor)

    @post("/topups", opt=flags.TOPUP.opt)
    async def top_up(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        try:
            wanted = await forms.parse(request, Topup)
            payment_no, guest = await open_topup(
                runtime, tenant, visitor, wanted, Reading(context.of(request.scope).flags)
            )
        except (Invalid, Refused) as error:
            return await _form_again(request, tenant, visitor, error)
        if guest:
            await entry.remember(request, runtime, tenant, guest)
        return answers.redirect(request, f"/pay/{payment_no}")


async def open_topup(
    runtime: Runtime, tenant: Tenant, visitor: Visitor, wanted: Topup, reading: Reading
) -> tuple[str, Person | None]:
    """The payment's number, and the guest account if one was opened for it.

    Raises `ChannelGone`, `AmountOutOfRange`, `Invalid`, `MembersOnly`, `TooManyRequests`, `NotTakingOrders`.
    """
    if not tenant.takes_orders:
        raise NotTakingOrders
    entry.admit(visitor, reading)
    channel_id = checkout.channel_of(wanted.pay_method)
    cents = wanted.cents
    await entry.admit_guest(runtime, tenant, visitor)
    async with tenant.begin() as session:
        buyer_id, guest = await entry.buyer_or_guest(session, visitor)
        payment = await paying.open_payment(session, buyer_id, channel_id, cents, "topup")
    return payment.no, guest


async def wallet_page(tenant: Tenant, visitor: Visitor, form: Form | None = None, status: int = 200) -> Template:
    async with tenant.begin() as session:
        shopper = await pages.shopper(session, visitor)
        ways = await pay_ways.of_channels(session, visitor)
        lines = await _lines(session, shopper.id, shopper.wallet_cents) if shopper else []
    return render(
        "storefront/wallet.html",
        status=status,
        viewer=shopper,
        ways=ways,
        chosen=form.values.get("pay_method", "") if form else pay_ways.usual(ways, None, 0),
        presets=PRESETS,
        preset=form.values.get("preset", "") if form else str(USUAL_PRESET),
        lines=lines,
        form=form,
    )


async def _lines(session: AsyncSession, buyer_id: UUID, balance_cents: int) -> list[Line]:
    """The newest movements; each balance follows from the one after it."""
    entries = await ledger.history(session, "wallet", str(buyer_id))
    known = await orders.by_ids(session, [UUID(one.owner) for one in entries if one.transfer not in TOPUPS])
    lines = []
    for one in entries:
        order = known.get(UUID(one.owner)) if one.transfer not in TOPUPS else None
        line = Line(
            word=KINDS.get(one.transfer, one.transfer),
            at=one.at,
            amount_cents=one.amount_cents,
            balance_cents=balance_cents,
            order_no=order.no if order else "",
            product_name=order.product_name if order else "",
        )
        lines.append(line)
        balance_cents -= one.amount_cents
    return lines


async def _form_again(request: AnyRequest, tenant: Tenant, visitor: Visitor, error: KamengError) -> Response[bytes]:
    return await wallet_page(tenant, visitor, await forms.again(request, error), 422)
