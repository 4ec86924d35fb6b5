"""Placing and charging orders. The caller opens the transaction; nothing here commits.

One sale is one commit across both schemas. Locks are taken in this order, over all lines of a basket: the buyer's
limits, by product; cards of the master's pools, by good; the station's own, by product; the coupon; and at the commit
the buyer's wallet, then the tenant's deposit. docs/adr/0017 and 0028.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import DepositTooLow, PriceChanged, WalletTooLow, refusals
from kameng.cards import service as cards
from kameng.cards.service import Sealed
from kameng.core import clock, ids
from kameng.core.errors import KamengError
from kameng.core.money import total_cents
from kameng.infra import outbox
from kameng.infra.crypto import Vault
from kameng.infra.db import guard_commit
from kameng.infra.telemetry import ORDERS
from tenants.marketing.coupons import uses
from tenants.marketing.coupons.errors import CouponUnknown
from tenants.marketing.coupons.worth import Line as Goods
from tenants.orders import inputs, limits, moving, opening, passwords, queries, terms, writing
from tenants.orders.drafts import WALLET, Discount, Item, OrderDraft, Placed, at_line
from tenants.orders.errors import CardTaken, PlacedAlready, SoldOut
from tenants.orders.events import OrderPaid, OrderPlaced
from tenants.orders.models import Order
from tenants.orders.opening import Opening, Stock, Supply
from tenants.orders.states import State
from tenants.orders.terms import Terms
from tenants.shop.errors import ProductGone
from tenants.toggles import flags
from tenants.toggles.reading import Reading

DELIVERED_WITHIN = timedelta(hours=24)  # else the money goes back, as the order's page promises
PAYMENT_GRACE = timedelta(minutes=1)  # an unpaid order's own letter ends it; the sweeper comes after that


async def place(
    session: AsyncSession, vault: Vault, buyer_id: UUID, draft: OrderDraft | Item, reading: Reading | None = None
) -> Placed:
    """Makes an order of a draft; see `place_all`."""
    item = draft if isinstance(draft, Item) else Item(draft=draft)
    return (await place_all(session, vault, buyer_id, [item], reading))[0]


async def place_all(
    session: AsyncSession,
    vault: Vault,
    buyer_id: UUID,
    items: Sequence[Item],
    reading: Reading | None = None,
    *,
    basket_no: str = "",
) -> list[Placed]:
    """Makes an order of each item, all of them or none; all are paid in the same way. Paid from the wallet, they are
    charged with the commit, and delivered with it where cards are in stock; otherwise they are left unpaid until their
    payment arrives, and hold their cards till then. The same request is the same order. Flags are asked of `reading`,
    and what it was asked in the whole sale is kept with the orders.

    The first item's coupon counts for all of them: what it takes off is spread over the lines that it is for.

    Raises `ProductGone`, `QuantityOutOfRange`, `LimitReached`, `LevelTooLow`, `NotOnSaleNow`, `Invalid` for what was
    filled in and for a query password, `SoldOut`, `CardTaken`, `CouponRefused`, `BelowFloor`, `TooManyUnpaid`,
    `WalletTooLow`, `DepositTooLow`, `PriceChanged`, and `PlacedAlready` when the same request is being placed at this
    moment; balances are checked again by the commit. Nothing was charged then.
    """
    passwords.check(item.draft for item in items)
    reading = reading or Reading()
    at_once = items[0].draft.pay_method == WALLET
    stock = Stock.CLAIM if at_once else Stock.HOLD if reading.is_on(flags.HOLD_STOCK) else Stock.LOOK
    if stock is Stock.HOLD:
        most = reading.number(flags.UNPAID_ORDERS)
        await limits.admit_unpaid(session, buyer_id, items[0].draft.request_key, most)
    sales = await _open(session, buyer_id, items, stock)
    lines = await _agree_all(session, sales, stock)
    if lines and (code := items[0].draft.coupon):
        lines = await _with_coupon(session, buyer_id, lines, code, reading, basket_no, at_once=at_once)
    placed, spent_cents, owed_cents = [], 0, 0
    for sale in sales:
        line = lines.get(sale.order_id)
        if line is None:
            placed.append(placed_of(await queries.order_by_no(session, sale.seen.earlier_no or "")))
            continue
        values, agreed = _values(line, buyer_id), line.agreed
        values["basket_no"] = basket_no
        values["lookup_hash"] = passwords.kept(vault.tenant, values["no"], sale.item.draft)
        supply = await _supply(session, sale, stock)
        spent_cents, owed_cents = spent_cents + agreed.total_cents, owed_cents + agreed.wholesale_cents
        if owed_cents > supply.deposit_cents and sale.seen.settlement == "own":
            raise DepositTooLow
        if at_once and spent_cents > supply.wallet_cents:
            raise WalletTooLow(field="pay_method")
        if at_once:
            values["flags"] = reading.as_json()
            placed.append(await _sell(session, vault, values, supply, sale.seen.needs_hand, is_new=True))
        else:
            placed.append(await _leave_unpaid(session, values, reading))
    return placed


class Sale(msgspec.Struct, frozen=True):
    """One item on its way: the order's id and what was read for it."""

    order_id: UUID
    no: str
    item: Item
    seen: Opening


class Line(msgspec.Struct, frozen=True):
    """One item with its terms; its cards are taken. `cost_cents` is what the station's own had cost."""

    sale: Sale
    agreed: Terms
    filled_in: dict[str, str]
    cost_cents: int

    def less(self, discount: Discount) -> "Line":
        """The same with a discount. Raises `BelowFloor`."""
        sale = msgspec.structs.replace(self.sale, item=msgspec.structs.replace(self.sale.item, discount=discount))
        agreed = terms.of(sale.seen, sale.item)
        terms.check_cost(agreed, self.cost_cents)
        return Line(sale, agreed, self.filled_in, self.cost_cents)


async def _open(session: AsyncSession, buyer_id: UUID, items: Sequence[Item], stock: Stock) -> list[Sale]:
    """Reads what each item needs and takes the master's cards; in the order of the items. A single item without a limit
    is one statement; else all is read first, limits are locked, and then the cards are taken, pool by pool."""
    is_one = len(items) == 1
    sales = [await _read(session, buyer_id, ids.uuid7(), item, stock if is_one else Stock.LOOK) for item in items]
    limited = [(sale.item.draft, sale.seen.variant_of or sale.seen.product_id) for sale in sales
               if sale.seen.limited and not sale.seen.earlier_no]  # fmt: skip
    if limited:
        await limits.admit(session, buyer_id, limited)
    if stock is Stock.LOOK or (is_one and not limited):
        return sales
    taken = {}
    for sale in sorted(sales, key=_by_pool):
        taken[sale.order_id] = await _read(session, buyer_id, sale.order_id, sale.item, stock, admitted=True)
    return [taken[sale.order_id] for sale in sales]


def _by_pool(sale: Sale) -> tuple[bool, int, int]:
    good_id = sale.seen.good_id
    return good_id is None, good_id or sale.seen.product_id, sale.seen.product_id


async def _read(
    session: AsyncSession, buyer_id: UUID, order_id: UUID, item: Item, stock: Stock, *, admitted: bool = False
) -> Sale:
    seen = await opening.open_sale(session, order_id, buyer_id, item.draft, stock, admitted=admitted)
    if seen is None:
        raise at_line(item.draft, ProductGone())
    return Sale(order_id, ids.order_no(clock.now()), item, seen)


async def _agree_all(session: AsyncSession, sales: Sequence[Sale], stock: Stock) -> dict[UUID, Line]:
    """The terms of each new order, by its id; the station's own cards are taken, pool by pool."""
    fresh = [sale for sale in sales if not sale.seen.earlier_no]
    lines = {}
    for sale in sorted(fresh, key=_by_pool):
        try:
            lines[sale.order_id] = await _agree(session, sale, stock)
        except KamengError as error:
            raise at_line(sale.item.draft, error) from None
    return lines


async def _agree(session: AsyncSession, sale: Sale, stock: Stock) -> Line:
    seen, draft = sale.seen, sale.item.draft
    filled_in = inputs.check(seen.fields, sale.item.inputs) if seen.fields else {}
    agreed = terms.of(seen, sale.item)
    cost_cents = 0
    if seen.own and not seen.needs_hand and stock is not Stock.LOOK:
        asked = {"id": sale.order_id, "item": draft.product_id, "quantity": draft.quantity, "random": seen.random,
                 "card_id": draft.card_id, "hold": stock is Stock.HOLD}  # fmt: skip
        cost_cents = await _take_own(session, asked)
        terms.check_cost(agreed, cost_cents)
    return Line(sale, agreed, filled_in, cost_cents)


async def _with_coupon(
    session: AsyncSession,
    buyer_id: UUID,
    lines: dict[UUID, Line],
    code: str,
    reading: Reading,
    basket_no: str,
    *,
    at_once: bool,
) -> dict[UUID, Line]:
    """The lines with what the coupon takes off them; it is taken for the order, or once for the basket. Raises
    `CouponRefused`, `BelowFloor`."""
    if not reading.is_on(flags.COUPONS):
        raise CouponUnknown
    goods = [
        Goods(line.sale.seen.product_id, line.agreed.total_cents - line.agreed.choice_cents, line.agreed.choice_cents)
        for line in lines.values()
    ]
    subject = basket_no or next(iter(lines.values())).sale.no
    taken = await uses.take(session, code, buyer_id, subject, goods, is_paid=at_once)
    return {
        order_id: line.less(Discount(taken.coupon.id, cents)) if cents else line
        for (order_id, line), cents in zip(lines.items(), taken.cents, strict=True)
    }


async def _supply(session: AsyncSession, sale: Sale, stock: Stock) -> Supply:
    """What the master gives to it, with the card that was chosen of its stock. Raises `CardTaken`."""
    seen, card_id = sale.seen, sale.item.draft.card_id
    if card_id is None or seen.good_id is None:
        return seen.supply
    return await _take_chosen(session, sale.order_id, seen.good_id, card_id, seen.supply, stock)


async def _take_chosen(
    session: AsyncSession, order_id: UUID, good_id: int, card_id: UUID, supply: Supply, stock: Stock
) -> Supply:
    taken = await opening.take_chosen(session, order_id, good_id, card_id, supply, stock)
    if taken is None:
        raise CardTaken(field="card_id")
    return taken


async def _take_own(session: AsyncSession, asked: dict[str, Any]) -> int:
    """Takes cards of the station's own pool; what they had cost. Raises `SoldOut`, `CardTaken`."""
    units, cost_cents = await writing.write_row(session, writing.TAKE_OWN, asked)
    if not units:
        raise CardTaken(field="card_id") if asked["card_id"] else SoldOut(field="quantity")
    return int(cost_cents)


def _values(line: Line, buyer_id: UUID) -> dict[str, Any]:
    """The order's row."""
    sale, agreed, filled_in = line.sale, line.agreed, line.filled_in
    seen, draft = sale.seen, sale.item.draft
    return {
        "id": sale.order_id,
        "no": sale.no,
        "buyer_id": buyer_id,
        "request_key": draft.request_key,
        "product_id": seen.product_id,
        "good_id": seen.good_id,
        "product_name": seen.product_name,
        "kind": seen.kind,
        "usage_note": seen.usage_note,
        "contact": draft.contact,
        "inputs": msgspec.json.encode(filled_in).decode() if filled_in else "{}",
        "quantity": draft.quantity,
        "unit_price": agreed.unit_price,
        "total_cents": agreed.total_cents,
        "discount_cents": agreed.discount_cents,
        "coupon_id": sale.item.discount.coupon_id if sale.item.discount else None,
        "choice_cents": agreed.choice_cents,
        "card_id": draft.card_id,
        "fee_cents": agreed.fee_cents,
        "settlement": seen.settlement,
        "wholesale_price": agreed.wholesale_price,
        "wholesale_cents": agreed.wholesale_cents,
        "cost_cents": line.cost_cents,
        "quote": seen.supply.basis or "",
        "pay_method": draft.pay_method,
        "expires_at": None,
        "paid_at": None,
        "delivered_at": None,
        "delivered_quantity": 0,
        "due_at": None,
    }


async def _leave_unpaid(session: AsyncSession, values: dict[str, Any], reading: Reading) -> Placed:
    pay_within = timedelta(minutes=reading.number(flags.PAYMENT_MINUTES))
    expires_at = clock.now() + pay_within
    due_at = expires_at + PAYMENT_GRACE
    values |= {"state": str(State.UNPAID), "expires_at": expires_at, "due_at": due_at, "look_at": due_at}
    values["flags"] = reading.as_json()
    with _refusals():
        await writing.write(session, writing.PLACE_UNPAID, values)
    await outbox.record(session, OrderPlaced(values["id"]), delay=pay_within)
    return Placed(values["id"], values["no"], State.UNPAID, values["total_cents"])


async def _sell(
    session: AsyncSession, vault: Vault, values: dict[str, Any], supply: Supply, needs_hand: bool, *, is_new: bool
) -> Placed:
    """Charges, in one statement that also writes the order and the cards it holds."""
    held, now = supply.held, clock.now()
    is_own = values["good_id"] is None
    is_here = bool(held) or (is_own and not needs_hand)
    state = State.DELIVERED if is_here else State.PAID
    values |= {"state": str(state), "paid_at": now}
    if is_here:
        values |= {"delivered_at": now, "delivered_quantity": values["quantity"], "due_at": None}
    else:
        values |= {"delivered_at": None, "delivered_quantity": 0, "due_at": now + DELIVERED_WITHIN,
                   "look_at": now + writing.LOOK_AFTER}  # fmt: skip
    if held:
        values |= _sealed_again(vault, held)
    guard_commit(session, refusals)
    with _refusals():
        await writing.write(session, writing.of_sale(is_new=is_new, is_own=is_own, is_here=is_here), values)
    if needs_hand:
        return await _hand_over(session, values)
    if not is_here:
        await outbox.record(session, OrderPaid(values["id"]))
    ORDERS.labels(str(state)).inc()
    return Placed(values["id"], values["no"], state, values["total_cents"])


def _sealed_again(vault: Vault, held: Sequence[Sealed]) -> dict[str, Any]:
    """The master's cards as the tenant keeps them."""
    return writing.card_values(cards.seal_all(vault.tenant, cards.reveal(vault.master, held)))


async def _hand_over(session: AsyncSession, values: dict[str, Any]) -> Placed:
    """A person has to deliver it."""
    order = await queries.order(session, values["id"])
    await moving.wait(session, order, moving.BY_HAND, clock.now() + moving.HANDS_HAVE)
    return Placed(order.id, order.no, State.WAITING, order.total_cents)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the database refuses, in our words."""
    try:
        with refusals():
            yield
    except UniqueViolation as error:
        if "request_key" in (error.diag.constraint_name or ""):
            raise PlacedAlready from error
        raise


def placed_of(order: Order) -> Placed:
    return Placed(order.id, order.no, State(order.state), order.total_cents)


async def charge(session: AsyncSession, vault: Vault, no: str) -> Placed:
    """Charges an unpaid order to the wallet that its payment has filled, and delivers it like `place`. Idempotent.

    It keeps the retail price that it was placed at, although the master's minimum may have risen above it since; only a
    wholesale price that has risen above what is left of it ends the sale.

    Raises `SoldOut`, `CardTaken`, `WalletTooLow`, `DepositTooLow`, `PriceChanged`; then the money stays in the wallet
    and the caller ends the order with `expire`.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if order.state != State.UNPAID:
        return placed_of(order)
    seen = await opening.open_charge(session, order)
    supply = seen.supply
    if supply.wholesale_price is not None and order.good_id is not None and order.card_id is not None:
        supply = await _take_chosen(session, order.id, order.good_id, order.card_id, supply, Stock.HELD)
    if supply.wholesale_price is None or not (order.good_id is None or supply.in_pool or supply.upstream):
        raise SoldOut
    needs_hand = order.good_id is None and (seen.by_hand or order.kind != "cards")
    cost_cents = 0
    if order.good_id is None and not needs_hand:
        cost_cents = await _take_own_for(session, order, random=seen.random)
    wholesale_cents = total_cents(supply.wholesale_price, order.quantity)
    if order.total_cents - order.fee_cents < max(wholesale_cents, cost_cents):
        raise PriceChanged
    if order.coupon_id is not None:
        await uses.charged(session, order.basket_no or order.no, order.total_cents, order.discount_cents)
    values = {
        "id": order.id,
        "no": order.no,
        "buyer_id": order.buyer_id,
        "product_id": order.product_id,
        "good_id": order.good_id,
        "quantity": order.quantity,
        "total_cents": order.total_cents,
        "settlement": order.settlement,
        "wholesale_price": supply.wholesale_price,
        "wholesale_cents": wholesale_cents,
        "cost_cents": cost_cents,
        "quote": supply.basis or "",
    }
    return await _sell(session, vault, values, supply, needs_hand, is_new=False)


async def _take_own_for(session: AsyncSession, order: Order, *, random: bool) -> int:
    """The cards that the order holds, else others; what they had cost. Raises `SoldOut`, `CardTaken`."""
    units, cost_cents = await writing.write_row(session, writing.TAKE_HELD_OWN, {"id": order.id})
    if units == order.quantity:
        return int(cost_cents)
    asked = {"id": order.id, "item": order.product_id, "quantity": order.quantity, "random": random,
             "card_id": order.card_id, "hold": False}  # fmt: skip
    return await _take_own(session, asked)
