"""Buying: from the form to an order that is paid, or that knows where its money comes from."""

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import DepositTooLow
from billing.payments import queries as payments
from billing.payments import service as paying
from billing.payments.errors import ChannelGone
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.people import Visitor
from tenants.notices import service as notices
from tenants.orders import queries
from tenants.orders import service as orders
from tenants.orders.errors import NotTakingOrders, PlacedAlready
from tenants.orders.service import WALLET, Item, OrderDraft, Placed
from tenants.orders.states import State
from tenants.stock import live as live_stock
from tenants.storefront import entry
from tenants.storefront.entry import Person
from tenants.toggles.reading import Reading

LONGEST_CHANNEL = 9  # digits; an int of four bytes


class Sale(Struct, frozen=True):
    """What became of a form. `guest` is the account opened for it, to be remembered in the browser."""

    placed: Placed
    guest: Person | None = None


async def buy(
    runtime: Runtime,
    tenant: Tenant,
    visitor: Visitor,
    draft: OrderDraft,
    reading: Reading | None = None,
    inputs: Mapping[str, str] | None = None,
) -> Sale:
    """Places an order in one commit, with its payment where it is not paid from the wallet. `inputs` is what was filled
    in for the product's fields, by their place or by their label.

    The same form sent twice is one order. Raises `NotTakingOrders`, `MembersOnly`, what `orders.service.place` and
    `payments.service.open_payment` raise (the owner is told of `DepositTooLow`), and `TooManyRequests`;
    nothing was charged then.
    """
    if not tenant.takes_orders:
        return await _sold_before(tenant, visitor, draft.request_key)
    reading, item = reading or Reading(), Item(draft=draft, inputs=inputs or {})
    entry.admit(visitor, reading)
    vault = await runtime.keyring.vault(tenant.id)
    await entry.admit_guest(runtime, tenant, visitor)
    await live_stock.look(runtime, tenant, draft.product_id, live_stock.CHECKOUT_S)
    try:
        async with tenant.begin() as session:
            buyer_id, guest = await entry.buyer_or_guest(session, visitor, draft.contact)
            placed = await orders.place(session, vault, buyer_id, item, reading)
            if placed.state is State.UNPAID:
                await _ask_for_money(session, buyer_id, draft.pay_method, placed)
    except PlacedAlready:
        return Sale(await _placed_before(tenant, visitor.buyer, draft.request_key))
    except DepositTooLow:
        async with tenant.begin() as session:
            await notices.tell(session, "deposit_low")
        raise
    return Sale(placed, guest)


async def _ask_for_money(session: AsyncSession, buyer_id: UUID, pay_method: str, placed: Placed) -> None:
    if await payments.payment_for(session, placed.no) is None:
        await paying.open_payment(session, buyer_id, channel_of(pay_method), placed.total_cents, "order", placed.no)


def channel_of(pay_method: str) -> int:
    """The number of the chosen channel. Raises `ChannelGone`."""
    if pay_method == WALLET or not (pay_method.isascii() and pay_method.isdigit()):
        raise ChannelGone(field="pay_method")
    if len(pay_method) > LONGEST_CHANNEL:
        raise ChannelGone(field="pay_method")
    return int(pay_method)


async def _sold_before(tenant: Tenant, visitor: Visitor, request_key: str) -> Sale:
    """An order that was placed while orders were taken, for whoever did not hear of it. Raises `NotTakingOrders`."""
    if visitor.buyer_id is None:
        raise NotTakingOrders
    try:
        return Sale(await _placed_before(tenant, visitor.buyer_id, request_key))
    except PlacedAlready:
        raise NotTakingOrders from None


async def _placed_before(tenant: Tenant, buyer_id: UUID, request_key: str) -> Placed:
    async with tenant.begin() as session:
        earlier = await queries.order_requested(session, buyer_id, request_key)
    if earlier is None:
        raise PlacedAlready
    return Placed(earlier.id, earlier.no, State(earlier.state), earlier.total_cents)
