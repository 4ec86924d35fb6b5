"""An order as its buyer sees it: how far it is, what it waits for, and its keys."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType, convert
from msgspec.structs import replace

from billing.ledger import queries as ledger
from billing.payments import queries as payments
from billing.payments import service as paying
from kameng.cards import reveals
from kameng.cards import service as cards
from kameng.cards.service import Sealed
from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.i18n import N_
from kameng.web.people import Visitor
from tenants.desk import queries as desk
from tenants.desk import swaps
from tenants.desk.queries import Said
from tenants.desk.swaps import Swap
from tenants.orders import baskets, refunds
from tenants.orders import queries as orders
from tenants.orders.errors import OrderGone
from tenants.orders.refunds import Refund
from tenants.orders.service import WALLET
from tenants.orders.states import FINAL, State
from tenants.storefront import numbers

STEPS = (
    (N_("Ordered"), "receipt"),
    (N_("Payment"), "wallet"),
    (N_("Delivery"), "package"),
    (N_("Done"), "key"),
)
DONE = {
    State.UNPAID: 1,
    State.PAID: 2,
    State.WAITING: 2,
    State.DELIVERED: 4,
    State.PARTIAL: 4,
    State.EXPIRED: 1,
    State.CANCELLED: 1,
    State.REFUNDED: 2,
}
HAS_CARDS = (State.DELIVERED, State.PARTIAL, State.PAID, State.WAITING)
FAILED = {State.EXPIRED, State.CANCELLED, State.REFUNDED}
MONEY_IN_WALLET = "money_in_wallet"

LABELS = {
    State.UNPAID: ("info", N_("To be paid")),
    State.PAID: ("wait", N_("Delivering")),
    State.WAITING: ("wait", N_("Waiting")),
    State.DELIVERED: ("ok", N_("Delivered")),
    State.PARTIAL: ("wait", N_("Delivered in part")),
    State.EXPIRED: ("off", N_("Not charged")),
    State.CANCELLED: ("off", N_("Cancelled")),
    State.REFUNDED: ("info", N_("Refunded")),
}


class Order(Struct, frozen=True, kw_only=True):
    """What a buyer may know of his order: no wholesale price is among it."""

    no: str
    basket_no: str
    product_id: int
    product_name: str
    usage_note: str
    contact: str
    kind: str
    inputs: dict[str, str]
    quantity: int
    delivered_quantity: int
    total_cents: int
    discount_cents: int
    choice_cents: int
    refunded_cents: int
    message: str
    has_password: bool
    pay_method: str
    state: str
    reason: str
    created_at: datetime
    expires_at: datetime | None
    told: str = ""  # a mark of what the shop has said and offered

    @property
    def final(self) -> bool:
        return State(self.state) in FINAL

    @property
    def mark(self) -> str:
        """What a page has been drawn from: while it stays the same there is nothing new to draw."""
        units = f"{self.delivered_quantity}-{self.refunded_cents}-{len(self.message)}"
        return ".".join(part for part in (self.state, self.reason, units, self.told) if part)

    @property
    def missing(self) -> int:
        """Units that have not come."""
        return self.quantity - self.delivered_quantity

    @property
    def title(self) -> str:
        return f"{self.product_name} × {self.quantity}"


class OrderView(Struct, frozen=True, kw_only=True):
    """One order. `pay_url` leads to the gateway while it is to be paid; `wallet_cents` is the balance."""

    order: Order
    now: datetime
    wallet_cents: int
    channel: str = ""
    pay_url: str = ""
    has_money: bool = False  # the gateway has paid; the order is charged in a moment
    keys: list[str] = []
    refunds: Sequence[Refund] = ()
    messages: Sequence[Said] = ()
    swap: Swap | None = None
    siblings: Sequence[Order] = ()  # what was bought together with it

    @property
    def is_late(self) -> bool:
        """Whether the time to pay is over."""
        return self.order.expires_at is not None and self.order.expires_at <= self.now

    @property
    def is_money_in_wallet(self) -> bool:
        """Whether the payment arrived and the order came to nothing: it could not be charged, or its time was over."""
        ended = self.order.state in (State.EXPIRED, State.CANCELLED)
        return ended and (self.has_money or self.order.reason == MONEY_IN_WALLET)

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """`(msgid, done | now | todo | failed, icon)` of each step."""
        state = State(self.order.state)
        done = 2 if self.is_money_in_wallet else DONE[state]
        here = "failed" if state in FAILED else "now"
        return [
            (word, "done" if n < done else here if n == done else "todo", icon) for n, (word, icon) in enumerate(STEPS)
        ]


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """The same for machines."""

    no: str
    state: str
    total_cents: int
    final: bool
    keys: list[str] | UnsetType = UNSET


def label(state: str) -> tuple[str, str]:
    """Kind and msgid of a state, for `status`."""
    return LABELS[State(state)]


async def read(tenant: Tenant, visitor: Visitor, no: str) -> Order:
    """The visitor's own order. Raises `OrderGone`."""
    if visitor.buyer_id is None:
        raise OrderGone
    async with tenant.begin() as session:
        found = await orders.order_of(session, visitor.buyer_id, numbers.order_no(no))
        order = convert(found, Order, from_attributes=True)
        return replace(order, told=await desk.mark(session, found.id))


async def view(runtime: Runtime, tenant: Tenant, visitor: Visitor, no: str, *, is_look: bool = True) -> OrderView:
    """The visitor's own order with all that its page shows. That its keys are shown is written down, the first time,
    unless the caller does that itself. Raises `OrderGone`."""
    if visitor.buyer_id is None:
        raise OrderGone
    no = numbers.order_no(no)
    sealer = await runtime.keyring.tenant(tenant.id)  # reads at first use, so not inside the transaction
    payment, channel, sealed = None, None, list[Sealed]()
    async with tenant.begin() as session:
        found = await orders.order_of(session, visitor.buyer_id, no)
        order = replace(convert(found, Order, from_attributes=True), told=await desk.mark(session, found.id))
        messages = await desk.said(session, found.id) if order.told else []
        swap = await swaps.open_for(session, found) if order.told else None
        wallet_cents = await ledger.balance_cents(session, "wallet", str(visitor.buyer_id))
        if order.delivered_quantity and order.state in HAS_CARDS:
            sealed = list(await cards.issued(session, found.id))
            if is_look:
                await reveals.log_first(session, found.id, visitor.name, visitor.address)
        given_back = await refunds.of_order(session, found.id)
        together = await baskets.orders_of(session, order.basket_no)
        if order.pay_method != WALLET and (payment := await payments.payment_for(session, order.basket_no or no)):
            channel = await payments.channel(session, payment.channel_id)
    pay_url = ""
    if payment and channel and order.state == State.UNPAID and not order.basket_no:
        pay_url = await paying.pay_url(runtime, tenant, payment, channel, order.title)
    return OrderView(
        order=order,
        now=clock.now(),
        wallet_cents=wallet_cents,
        channel=channel.name if channel else "",
        pay_url=pay_url,
        has_money=payment is not None and payment.state == "paid",
        keys=cards.reveal(sealer, sealed),
        refunds=[one for one in given_back if one.state != "failed"],
        messages=messages,
        swap=swap,
        siblings=[convert(one, Order, from_attributes=True) for one in together if one.no != no],
    )


async def log_file(tenant: Tenant, visitor: Visitor, no: str) -> None:
    """Writes down that the buyer took the keys as a file."""
    async with tenant.begin() as session:
        found = await orders.order_of(session, visitor.buyer, no)
        await reveals.log(session, "buyer", "file", visitor.name, visitor.address, order_ref=found.id)


def answer(seen: OrderView) -> OrderAnswer:
    keys = seen.keys or UNSET
    order = seen.order
    return OrderAnswer(no=order.no, state=order.state, total_cents=order.total_cents, final=order.final, keys=keys)
