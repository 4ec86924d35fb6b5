"""What becomes of an order after it was placed: it waits, is delivered in one go or in parts, or ends. Each step is
idempotent, and keeps to the table of states. The caller opens the transaction; nothing here commits."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from billing.ledger.errors import refusals
from kameng.cards import service as cards
from kameng.cards.service import Fresh
from kameng.core import clock
from kameng.infra import outbox
from kameng.infra.crypto import Sealer, Vault
from kameng.infra.db import guard_commit
from kameng.infra.telemetry import ORDERS
from tenants.marketing.coupons import uses
from tenants.notices import service as notices
from tenants.orders import queries, writing
from tenants.orders.drafts import Placed
from tenants.orders.errors import KeysKnown, NotCancellable, NotDeliverable, NotRefundable
from tenants.orders.events import OrderEnded, OrderMoved, OrderWaited
from tenants.orders.models import Order
from tenants.orders.states import FINAL, State, sources_of

BY_HAND = "by_hand"
HANDS_HAVE = timedelta(days=7)  # then the money goes back
WAITS_AT_MOST = timedelta(hours=24)  # from the order's beginning, for everybody else
NO_CARDS = Fresh([], [], [])

REVERSE = text("SELECT reverse_sale(:id)")
REVERSE_PART = text("SELECT retail_cents, wholesale_cents FROM reverse_part(:id, :quantity, :delivered)")
DELIVER_ELSEWHERE = text("SELECT deliver_elsewhere(:id, :units)")
POST_CARD_COST = text("SELECT post_card_cost(:id)")


async def expire(session: AsyncSession, order_id: UUID, reason: str) -> bool:
    """Ends an order that was never charged, and frees what it held. False when it is not unpaid any more."""
    return await _end_unpaid(session, order_id, State.EXPIRED, reason, "")


async def cancel(session: AsyncSession, order_id: UUID, by: str) -> bool:
    """Calls an unpaid order off; `by` is the member of staff, or empty for the buyer himself. False when it was called
    off before. Raises `NotCancellable`. Money that still comes goes to the buyer's wallet."""
    if await _end_unpaid(session, order_id, State.CANCELLED, "called_off", by):
        return True
    if (await queries.order(session, order_id)).state != State.CANCELLED:
        raise NotCancellable
    return False


async def _end_unpaid(session: AsyncSession, order_id: UUID, state: State, reason: str, actor: str) -> bool:
    if not await writing.move(session, order_id, state, reason, actor=actor):
        return False
    _, coupon_id, subject = await writing.write_row(session, writing.RELEASE, {"id": order_id})
    if coupon_id is not None:
        await uses.ended(session, subject)
    await outbox.record(session, OrderEnded(order_id))
    ORDERS.labels(str(state)).inc()
    return True


async def watch(session: AsyncSession, placed: Placed) -> None:
    """Has each further step of the order be told (`OrderMoved`), and one that it has made since it was `placed`."""
    if await writing.write(session, writing.WATCH, {"id": placed.id}) != placed.state:
        await outbox.record(session, OrderMoved(placed.id, clock.now()))


async def wait(session: AsyncSession, order: Order, reason: str, until: datetime | None = None) -> None:
    """Nobody can deliver yet: the buyer is shown why, the owner is told once, the order is tried again by itself, and
    `until` then it is given up. An order that waits already waits for the new reason."""
    due_at = until or order.due_at or order.created_at + WAITS_AT_MOST
    if await writing.move(session, order.id, State.WAITING, reason, due_at=due_at):
        if reason == BY_HAND:
            await writing.keep_deadline(session, order.id, State.WAITING, due_at, look_at=due_at)
        await notices.tell(session, "order_waits", order.no, reason=reason)
        await outbox.record(session, OrderWaited(order.id))
        ORDERS.labels(str(State.WAITING)).inc()
    elif order.reason != reason or order.due_at != due_at:
        values = {"id": order.id, "reason": reason, "due_at": due_at}
        await writing.write(session, writing.REASON, values)
        if order.reason != reason:
            await outbox.record(session, OrderWaited(order.id))
        now = await queries.order_by_no(session, order.no)
        if now.state == State.WAITING:
            await writing.keep_deadline(session, order.id, State.WAITING, due_at)


async def deliver(
    session: AsyncSession,
    sealer: Sealer,
    order_id: UUID,
    secrets: Iterable[str],
    *,
    message: str = "",
    units: int | None = None,
    source: str = "",
    actor: str = "",
) -> bool:
    """Gives a charged order units: cards, or for a top-up `units` done, with a `message` for the buyer. With the last
    of them it is delivered; until then it stays where it is.

    Idempotent: False when it is final already, and nothing is changed then. Cards that it has are not added again; what
    has no cards is told apart by its `source`, such as a purchase's reference.
    """
    order = await queries.order_locked(session, order_id)
    return await hand_over(session, sealer, order, secrets, message=message, units=units, source=source, actor=actor)


async def hand_over(
    session: AsyncSession,
    sealer: Sealer,
    order: Order,
    secrets: Iterable[str],
    *,
    message: str = "",
    units: int | None = None,
    source: str = "",
    actor: str = "",
) -> bool:
    """`deliver` for an order that is locked; it knows afterwards how many units it has, and its state."""
    if order.state not in sources_of(State.DELIVERED) or order.state == State.UNPAID:
        return False
    if source and await writing.write(session, writing.KNOWN_SOURCE, {"id": order.id, "source": source}):
        return False
    plain = list(secrets)
    values = {
        "id": order.id,
        "product_id": order.product_id,
        "units": units,
        "message": message,
        **writing.card_values(cards.seal_all(sealer, plain) if plain else NO_CARDS),
    }
    had, has = order.delivered_quantity, await writing.write(session, writing.ADD_UNITS, values)
    set_committed_value(order, "delivered_quantity", has)
    if has >= order.quantity:
        if source:
            await _note(session, order, State.DELIVERED, "", actor, source=source)
        await _move(session, order, State.DELIVERED, "", actor=actor)
    elif has > had:
        await _note(session, order, State(order.state), "part_delivered", actor, units=has - had, source=source)
    return True


async def _note(session: AsyncSession, order: Order, state: State, note: str, actor: str, **detail: str | int) -> None:
    values = {"id": order.id, "state": str(state), "note": note, "actor": actor,
              "detail": msgspec.json.encode(detail).decode()}  # fmt: skip
    await writing.write(session, writing.NOTE, values)


async def deliver_from_stock(session: AsyncSession, vault: Vault, order: Order) -> bool:
    """Delivers what a waiting order lacks from the master's stock, if cards have come in and no purchase is under
    way."""
    now = await queries.order_locked(session, order.id)  # before the order's cards, as `refund` does
    if now.final or now.good_id is None:
        return False
    held = await queries.claim_late(session, now.id, now.good_id, now.quantity - now.delivered_quantity)
    if not held:
        return False
    await session.execute(POST_CARD_COST, {"id": now.id})
    if not await deliver(session, vault.tenant, now.id, cards.reveal(vault.master, held)):
        raise NotRefundable  # it is locked and not final, so this is a bug: the transaction ends, the cards go back
    return True


async def deliver_by_hand(session: AsyncSession, sealer: Sealer, no: str, given: Sequence[str] | str, by: str) -> Order:
    """What a member of staff delivers: the missing cards, one a line, or a message to the buyer that says what was
    done. Fewer cards than are missing are a part. What the master took for units that it never delivered goes back to
    the station when the order is complete.

    Raises `NotDeliverable`, `KeysKnown`, and `UnderWay` while a supplier may still deliver.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if order.state not in (State.PAID, State.WAITING):
        raise NotDeliverable
    missing = order.quantity - order.delivered_quantity
    if not isinstance(given, str) and not 0 < len(given) <= missing:
        raise NotDeliverable
    if not isinstance(given, str):
        has = cards.reveal(sealer, await cards.issued(session, order.id))
        given = [key for key in given if key not in has]  # sent twice
        if not given:
            return order
        if await cards.are_known(session, sealer, order.product_id, given):
            raise KeysKnown(field="cards")
    if order.good_id is not None:  # before anything is handed over: what is bought at this moment is not given twice
        units = missing if isinstance(given, str) else len(given)
        with refusals():
            await session.execute(DELIVER_ELSEWHERE, {"id": order.id, "units": units})
    if isinstance(given, str):
        await deliver(session, sealer, order.id, [], message=given, units=missing, actor=by)
    else:
        await deliver(session, sealer, order.id, given, actor=by)
    await session.refresh(order)
    if order.good_id is not None and order.state == State.DELIVERED:
        back = await _reverse_part(session, order)
        order.wholesale_back_cents += back.wholesale_cents
        await session.flush()
    return order


class GivenBack(msgspec.Struct, frozen=True):
    """Cents that went back: to the buyer's wallet, and to the station."""

    retail_cents: int
    wholesale_cents: int


async def _reverse_part(session: AsyncSession, order: Order) -> GivenBack:
    guard_commit(session, refusals)
    with refusals():
        asked = {"id": order.id, "quantity": order.quantity, "delivered": order.delivered_quantity}
        return GivenBack(*(await session.execute(REVERSE_PART, asked)).one())


async def end_part(session: AsyncSession, order_id: UUID, reason: str, by: str = "") -> bool:
    """What has not come of a charged order will never come: the money for it goes back, once, and the order has ended;
    refunded when nothing came. False when it is final already. Raises `UnderWay` while a supplier may still deliver."""
    order = await queries.order_locked(session, order_id)
    if order.state not in (State.PAID, State.WAITING):
        return False
    if order.delivered_quantity == 0:
        await _give_all_back(session, order, reason, by)
        return True
    back = await _reverse_part(session, order)
    return await _move(session, order, State.PARTIAL, reason, actor=by, back=back)


async def refund(session: AsyncSession, no: str, note: str = "", by: str = "") -> Order:
    """Gives a charged, undelivered order's money back: all lines of its sale, to where they came from.

    Raises `NotRefundable`, and `UnderWay` while a supplier may still deliver.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if order.state not in (State.PAID, State.WAITING) or order.delivered_quantity:
        raise NotRefundable
    await _give_all_back(session, order, note, by)
    return order


async def _give_all_back(session: AsyncSession, order: Order, reason: str, by: str) -> None:
    guard_commit(session, refusals)
    with refusals():
        await session.execute(REVERSE, {"id": order.id})
    if order.coupon_id is not None:
        await uses.ended(session, order.basket_no or order.no, order.total_cents, order.discount_cents)
    back = GivenBack(order.total_cents, order.wholesale_cents)
    await _move(session, order, State.REFUNDED, reason, actor=by, back=back)


async def _move(
    session: AsyncSession, order: Order, state: State, reason: str, *, actor: str = "", back: GivenBack | None = None
) -> bool:
    gone = back or GivenBack(0, 0)
    moved = await writing.move(
        session,
        order.id,
        state,
        reason,
        actor=actor,
        retail_cents=gone.retail_cents,
        wholesale_cents=gone.wholesale_cents,
    )
    if moved and state in FINAL:
        if (order.state, state) != (State.PAID, State.DELIVERED):
            await outbox.record(session, OrderEnded(order.id))
        ORDERS.labels(str(state)).inc()
    if moved:
        set_committed_value(order, "state", str(state))
    return moved
