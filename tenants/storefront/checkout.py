"""Buying: from the form to an order that is paid, or that knows where its money comes from."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import DepositTooLow
from billing.payments import queries as payments
from billing.payments import service as paying
from billing.payments.errors import ChannelGone
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.people import Visitor
from tenants.cart import service as cart
from tenants.notices import service as notices
from tenants.orders import baskets, queries
from tenants.orders import service as orders
from tenants.orders.errors import NotTakingOrders, PlacedAlready
from tenants.orders.service import WALLET, Item, OrderDraft, Placed
from tenants.orders.states import State
from tenants.stock import live as live_stock
from tenants.storefront import entry
from tenants.storefront.entry import Person
from tenants.toggles.reading import Reading

COUPON_TRIES = Limit(name="coupon-tries", attempts=30, per_s=60, fails_open=True)  # codes are not to be guessed
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
    if draft.pay_method != WALLET:
        await entry.admit_unpaid(runtime, tenant, visitor)
    if draft.coupon:
        await ratelimit.take(runtime.redis, (COUPON_TRIES, f"{tenant.id}\n{visitor.address}"))
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


class BasketSale(Struct, frozen=True):
    """What became of a cart: the basket's number, and the account opened for it."""

    no: str
    guest: Person | None = None


async def buy_all(
    runtime: Runtime,
    tenant: Tenant,
    visitor: Visitor,
    items: Sequence[Item],
    reading: Reading,
    request_key: str,
) -> BasketSale:
    """Places an order of each item in one commit, all or none, with one payment for them where they are not paid from
    the wallet; they are taken out of the cart. The items' own request keys are made of `request_key`.

    The same request is the same basket. Raises what `buy` raises.
    """
    if not tenant.takes_orders:
        raise NotTakingOrders
    entry.admit(visitor, reading)
    vault = await runtime.keyring.vault(tenant.id)
    await entry.admit_guest(runtime, tenant, visitor)
    keyed = [
        replace(item, draft=replace(item.draft, request_key=baskets.line_key(request_key, place)))
        for place, item in enumerate(items)
    ]
    draft = keyed[0].draft
    if draft.coupon:
        await ratelimit.take(runtime.redis, (COUPON_TRIES, f"{tenant.id}\n{visitor.address}"))
    try:
        async with tenant.begin() as session:
            buyer_id, guest = await entry.buyer_or_guest(session, visitor, draft.contact)
            no = baskets.new_no()
            placed = await orders.place_all(session, vault, buyer_id, keyed, reading, basket_no=no)
            if await baskets.requested(session, buyer_id, request_key) != no:
                raise PlacedAlready  # by the same form, while this one was read
            if placed[0].state is State.UNPAID:
                total = sum(one.total_cents for one in placed)
                await paying.open_payment(session, buyer_id, channel_of(draft.pay_method), total, "basket", no)
            await cart.drop(session, buyer_id, [item.draft.product_id for item in items])
    except PlacedAlready:
        if (earlier := await basket_before(tenant, visitor, request_key)) is None:
            raise
        return BasketSale(earlier)
    except DepositTooLow:
        async with tenant.begin() as session:
            await notices.tell(session, "deposit_low")
        raise
    return BasketSale(no, guest)


async def basket_before(tenant: Tenant, visitor: Visitor, request_key: str) -> str | None:
    """The basket that this request has become before, for whoever did not hear of it."""
    if visitor.buyer_id is None:
        return None
    async with tenant.begin() as session:
        return await baskets.requested(session, visitor.buyer_id, request_key)


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
