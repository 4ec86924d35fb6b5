"""Placing, charging, delivering and refunding orders. The caller opens the transaction; nothing here commits.

One sale is one commit across both schemas. Locks are taken in this order: card keys (skipping those that are held),
the buyer's wallet, the tenant's deposit.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from math import ceil
from typing import Annotated, Any, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import DepositTooLow, WalletTooLow, refusals
from kameng.cards import service as cards
from kameng.cards.service import Fresh
from kameng.core import clock, ids
from kameng.core.money import total_cents
from kameng.infra import outbox
from kameng.infra.crypto import Sealer, Vault
from kameng.infra.db import guard_commit
from kameng.infra.outbox import Event
from kameng.infra.telemetry import ORDERS
from tenants.notices import service as notices
from tenants.orders import queries
from tenants.orders.errors import NotRefundable, PlacedAlready, QuantityOutOfRange, SoldOut
from tenants.orders.models import Order
from tenants.orders.queries import Opening
from tenants.orders.states import State, sources_of
from tenants.shop.errors import ProductGone
from tenants.toggles import flags
from tenants.toggles.reading import Reading

WALLET = "wallet"
HALF_A_CENT = Decimal("0.005")  # yuan, and what rounds up to a cent
NO_CARDS = Fresh([], [], [])

REVERSE = text("SELECT reverse_sale(:id)")
POST_CARD_COST = text("SELECT post_card_cost(:id)")


class OrderPlaced(Event, frozen=True):
    """An order waits for money; followed when its time is over."""

    order_id: UUID


class OrderPaid(Event, frozen=True):
    """An order is charged and not yet delivered."""

    order_id: UUID


class OrderDraft(Struct, frozen=True, kw_only=True):
    """What the buyer sends. `pay_method` is `wallet` or the number of a payment channel; `request_key` is made with
    the form, so that the same form sent twice is one order."""

    product_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    pay_method: Annotated[str, Meta(min_length=1, max_length=20)]
    request_key: Annotated[str, Meta(min_length=16, max_length=64)]
    contact: Annotated[str, Meta(max_length=100)] = ""


class Placed(Struct, frozen=True):
    """What became of a draft."""

    id: UUID
    no: str
    state: State
    total_cents: int


async def place(
    session: AsyncSession, vault: Vault, buyer_id: UUID, draft: OrderDraft, reading: Reading | None = None
) -> Placed:
    """Makes an order of a draft. Paid from the wallet, it is charged with the commit, and delivered with it when the
    master's stock has the cards; otherwise it is left unpaid until its payment arrives. The same request is the same
    order. Flags are asked of `reading`, and what it was asked in the whole sale is kept with the order.

    Raises `ProductGone`, `QuantityOutOfRange`, `SoldOut`, `WalletTooLow`, `DepositTooLow`, `PriceChanged`, and
    `PlacedAlready` when the same request is being placed at this moment; balances are checked again by the commit.
    Nothing was charged then.
    """
    order_id, at_once, reading = ids.uuid7(), draft.pay_method == WALLET, reading or Reading()
    opening = await queries.open_sale(
        session, order_id, draft.product_id, draft.quantity, buyer_id, request_key=draft.request_key, claim=at_once
    )
    if opening is None:
        raise ProductGone
    if opening.earlier_no:
        return _placed(await queries.order_by_no(session, opening.earlier_no))
    wholesale_price = _check(opening, draft.quantity)
    values = _values(order_id, opening, wholesale_price, buyer_id, draft)
    if values["wholesale_cents"] > opening.deposit_cents:
        raise DepositTooLow
    if not at_once:
        return await _place_unpaid(session, values, reading)
    if values["total_cents"] > opening.wallet_cents:
        raise WalletTooLow(field="pay_method")
    values["flags"] = reading.as_json()
    return await _sell(session, vault, values, queries.PLACE_SOLD, opening)


def _check(opening: Opening, quantity: int) -> Decimal:
    """The wholesale price, if `quantity` can be sold."""
    if not opening.min_quantity <= quantity <= opening.max_quantity:
        raise QuantityOutOfRange(field="quantity", least=opening.min_quantity, most=opening.max_quantity)
    if opening.wholesale_price is None or not (opening.in_pool or opening.upstream):
        raise SoldOut(field="quantity")
    if opening.min_resale is not None and opening.price < opening.min_resale:
        raise SoldOut(field="quantity")  # the owner is told why; a buyer could do nothing about it
    least = ceil(HALF_A_CENT / min(opening.price, opening.wholesale_price))
    if quantity < least:  # it would cost nothing
        raise QuantityOutOfRange(field="quantity", least=least, most=max(least, opening.max_quantity))
    return opening.wholesale_price


def _values(
    order_id: UUID, opening: Opening, wholesale_price: Decimal, buyer_id: UUID, draft: OrderDraft
) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": order_id,
        "no": ids.order_no(now),
        "buyer_id": buyer_id,
        "request_key": draft.request_key,
        "product_id": opening.product_id,
        "good_id": opening.good_id,
        "product_name": opening.product_name,
        "usage_note": opening.usage_note,
        "contact": draft.contact,
        "quantity": draft.quantity,
        "unit_price": opening.price,
        "total_cents": total_cents(opening.price, draft.quantity),
        "wholesale_price": wholesale_price,
        "wholesale_cents": total_cents(wholesale_price, draft.quantity),
        "quote": opening.basis,
        "pay_method": draft.pay_method,
        "expires_at": None,
        "paid_at": None,
        "delivered_at": None,
    }


async def _place_unpaid(session: AsyncSession, values: dict[str, Any], reading: Reading) -> Placed:
    pay_within = timedelta(minutes=reading.number(flags.PAYMENT_MINUTES))
    values |= {"state": str(State.UNPAID), "expires_at": clock.now() + pay_within, "flags": reading.as_json()}
    with _refusals():
        await queries.write(session, queries.PLACE_UNPAID, values)
    await outbox.record(session, OrderPlaced(values["id"]), delay=pay_within)
    return Placed(values["id"], values["no"], State.UNPAID, values["total_cents"])


async def _sell(
    session: AsyncSession, vault: Vault, values: dict[str, Any], statement: LiteralString, opening: Opening
) -> Placed:
    """Charges, in one statement that also writes the order and the cards it holds."""
    held, now = opening.held, clock.now()
    state = State.DELIVERED if held else State.PAID
    values |= {"state": str(state), "paid_at": now, "delivered_at": now if held else None}
    values |= _card_values(cards.seal_all(vault.tenant, cards.reveal(vault.master, held)) if held else NO_CARDS)
    guard_commit(session, refusals)
    with _refusals():
        await queries.write(session, statement, values)
    if not held:
        await outbox.record(session, OrderPaid(values["id"]))
    ORDERS.labels(str(state)).inc()
    return Placed(values["id"], values["no"], state, values["total_cents"])


def _card_values(fresh: Fresh) -> dict[str, Any]:
    return {"card_ids": fresh.ids, "card_secrets": fresh.secrets, "card_fingerprints": fresh.fingerprints}


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


def _placed(order: Order) -> Placed:
    return Placed(order.id, order.no, State(order.state), order.total_cents)


async def charge(session: AsyncSession, vault: Vault, no: str) -> Placed:
    """Charges an unpaid order to the wallet that its payment has filled, and delivers it like `place`. Idempotent.

    It keeps the retail price that it was placed at, although the master's minimum may have risen above it since.

    Raises `SoldOut`, `WalletTooLow`, `DepositTooLow`, `PriceChanged`; then the money stays in the wallet and the
    caller ends the order with `expire`.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if order.state != State.UNPAID:
        return _placed(order)
    opening = await queries.open_sale(session, order.id, order.product_id, order.quantity, order.buyer_id, claim=True)
    if opening is None or opening.wholesale_price is None or not (opening.in_pool or opening.upstream):
        raise SoldOut
    values = {
        "id": order.id,
        "no": order.no,
        "buyer_id": order.buyer_id,
        "product_id": order.product_id,
        "good_id": order.good_id,
        "quantity": order.quantity,
        "total_cents": order.total_cents,
        "wholesale_price": opening.wholesale_price,
        "wholesale_cents": total_cents(opening.wholesale_price, order.quantity),
        "quote": opening.basis,
    }
    return await _sell(session, vault, values, queries.SELL_UNPAID, opening)


async def expire(session: AsyncSession, order_id: UUID, reason: str) -> bool:
    """Ends an order that was never charged. False when it is not unpaid any more."""
    return await _move(session, order_id, State.EXPIRED, reason)


async def deliver(session: AsyncSession, sealer: Sealer, order_id: UUID, secrets: Iterable[str]) -> bool:
    """Gives a charged order its cards. Idempotent: False when it is final already, and nothing is changed."""
    return await _move(session, order_id, State.DELIVERED, "", cards.seal_all(sealer, secrets))


async def deliver_from_stock(session: AsyncSession, vault: Vault, order: Order) -> bool:
    """Delivers a waiting order from the master's stock, if cards have come in and no purchase is under way."""
    now = await queries.order_by_no(session, order.no, lock=True)  # before the order's cards, as `refund` does
    if now.final:
        return False
    if order.good_id is None:
        return False
    held = await queries.claim_late(session, order.id, order.good_id, order.quantity)
    if not held:
        return False
    await session.execute(POST_CARD_COST, {"id": order.id})
    if not await deliver(session, vault.tenant, order.id, cards.reveal(vault.master, held)):
        raise NotRefundable  # it is locked and not final, so this is a bug: the transaction ends, the cards go back
    return True


async def wait(session: AsyncSession, order: Order, reason: str) -> None:
    """Nobody can deliver yet: the buyer is shown why, the owner is told once, the order is tried again by itself."""
    if await _move(session, order.id, State.WAITING, reason):
        await notices.tell(session, "order_waits", order.no, reason=reason)


async def refund(session: AsyncSession, no: str, note: str = "") -> Order:
    """Gives a charged, undelivered order's money back: wallet and deposit, in one transfer.

    Raises `NotRefundable`, and `UnderWay` while a supplier may still deliver.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if order.state not in sources_of(State.REFUNDED):
        raise NotRefundable
    with refusals():
        await session.execute(REVERSE, {"id": order.id})
    await _move(session, order.id, State.REFUNDED, note)
    return order


async def _move(session: AsyncSession, order_id: UUID, state: State, reason: str, fresh: Fresh = NO_CARDS) -> bool:
    values = {
        "id": order_id,
        "state": str(state),
        "reason": reason,
        "note": reason,
        "sources": sources_of(state),
        **_card_values(fresh),
    }
    moved = bool(await queries.write(session, queries.SETTLE, values))
    if moved:
        ORDERS.labels(str(state)).inc()
    return moved
