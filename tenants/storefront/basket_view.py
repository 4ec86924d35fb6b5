"""A basket as its buyer sees it: what was bought together, what is to be paid, and how far each order is."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, convert

from billing.ledger import queries as ledger
from billing.payments import queries as payments
from billing.payments import service as paying
from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.i18n import gettext
from kameng.web.people import Visitor
from tenants.orders import baskets
from tenants.orders.errors import OrderGone
from tenants.orders.service import WALLET
from tenants.orders.states import State
from tenants.storefront import numbers
from tenants.storefront.order_view import MONEY_IN_WALLET, Order


class BasketView(Struct, frozen=True, kw_only=True):
    """Orders with one number. `pay_cents` is what its payment asks for; 0 where the wallet has paid."""

    no: str
    orders: Sequence[Order]
    now: datetime
    wallet_cents: int
    pay_cents: int = 0
    channel: str = ""
    pay_url: str = ""
    has_money: bool = False

    @property
    def total_cents(self) -> int:
        return sum(order.total_cents for order in self.orders)

    @property
    def discount_cents(self) -> int:
        return sum(order.discount_cents for order in self.orders)

    @property
    def unpaid(self) -> Sequence[Order]:
        return [order for order in self.orders if order.state == State.UNPAID]

    @property
    def expires_at(self) -> datetime | None:
        return min((order.expires_at for order in self.unpaid if order.expires_at), default=None)

    @property
    def is_late(self) -> bool:
        """Whether the time to pay is over."""
        return self.expires_at is not None and self.expires_at <= self.now

    @property
    def in_wallet_cents(self) -> int:
        """What was paid for orders that could not be charged any more."""
        ended = [order for order in self.orders if order.state in (State.EXPIRED, State.CANCELLED)]
        return sum(order.total_cents for order in ended if self.has_money or order.reason == MONEY_IN_WALLET)

    @property
    def final(self) -> bool:
        return all(order.final for order in self.orders)

    @property
    def mark(self) -> str:
        """What a page has been drawn from."""
        marks = [order.mark for order in self.orders]
        return "_".join([*marks, "paid"] if self.has_money else marks)


async def view(runtime: Runtime, tenant: Tenant, visitor: Visitor, no: str, *, way_to_pay: bool = True) -> BasketView:
    """The visitor's own basket. Raises `OrderGone`, for somebody else's too."""
    if visitor.buyer_id is None:
        raise OrderGone
    no, payment, channel = numbers.basket_no(no), None, None
    async with tenant.begin() as session:
        found = await baskets.of_buyer(session, visitor.buyer_id, no)
        wallet_cents = await ledger.balance_cents(session, "wallet", str(visitor.buyer_id))
        if found[0].pay_method != WALLET and (payment := await payments.payment_for(session, no)):
            channel = await payments.channel(session, payment.channel_id)
    orders = [convert(order, Order, from_attributes=True) for order in found]
    pay_url = ""
    is_open = any(order.state == State.UNPAID for order in orders)
    if payment and channel and payment.state != "paid" and is_open and way_to_pay:
        title = gettext("%(count)s products of %(shop)s", count=len(orders), shop=tenant.name)
        pay_url = await paying.pay_url(runtime, tenant, payment, channel, title)
    return BasketView(
        no=no,
        orders=orders,
        now=clock.now(),
        wallet_cents=wallet_cents,
        pay_cents=payment.amount_cents if payment else 0,
        channel=channel.name if channel else "",
        pay_url=pay_url,
        has_money=payment is not None and payment.state == "paid",
    )
