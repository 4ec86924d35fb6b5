"""Giving money back after the sale: for an order that was delivered, in whole or in part, to the wallet or by the
gateway that brought it. Tenant session; the caller opens the transaction, nothing here commits.

What goes to the wallet is there with the commit. What goes by the gateway is booked at once, so that it cannot be given
back twice, and is `pending` until the gateway has said what came of it (`tenants.orders.refund_tasks`); when it
refuses, the booking is undone and a person may choose the wallet. The wholesale is not given back by any of this: the
station bears it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import KeyReused, refusals
from billing.payments import queries as payments
from billing.payments.adapters.port import Refunded, RefundOutcome
from billing.payments.errors import NotRefundableHere
from kameng.core import ids
from kameng.core.errors import Conflict, NotFound, Refused
from kameng.core.money import format_cents
from kameng.infra import outbox
from kameng.infra.db import guard_commit
from kameng.infra.outbox import Event
from tenants.notices import service as notices
from tenants.orders import queries
from tenants.orders.models import Order
from tenants.orders.states import State

BY_MASTER = "master"  # whose merchant account had taken the payment; else the station's own
Destination = Literal["wallet", "channel"]
AFTER_SALE = frozenset({State.DELIVERED, State.PARTIAL})

FIELDS = """id, order_id, order_no, amount_cents, destination, payment_no, settlement, reason, state, detail,
            request_key, made_by, created_at, settled_at"""
INSERT = text(
    """
    INSERT INTO refunds (id, order_id, order_no, amount_cents, destination, payment_no, settlement, reason, state,
                         request_key, made_by, settled_at)
    VALUES (:id, :order_id, :order_no, :cents, :to, :payment_no, :settlement, :reason, :state, :request_key, :by,
            CASE WHEN :state = 'done' THEN now() END)
    """
)
ONE = text(f"SELECT {FIELDS} FROM refunds WHERE id = :id")  # noqa: S608 - the constant above
REQUESTED = text(f"SELECT {FIELDS} FROM refunds WHERE request_key = :key")  # noqa: S608 - the constant above
OF_ORDER = text(f"SELECT {FIELDS} FROM refunds WHERE order_id = :id ORDER BY created_at, id")  # noqa: S608 - as above
GIVEN_BY = text(
    "SELECT coalesce(sum(amount_cents), 0)::bigint FROM refunds"
    " WHERE order_id = :id AND made_by = :by AND state <> 'failed'"
)
# Check and change in one: never more than was charged.
TAKE = text(
    """
    UPDATE orders SET refunded_cents = refunded_cents + :cents
    WHERE id = :id AND state IN ('delivered', 'partial') AND refunded_cents + :cents <= total_cents RETURNING id
    """
)
TAKE_OF_PAYMENT = text(
    """
    UPDATE payments SET refunded_cents = refunded_cents + :cents
    WHERE no = :no AND state = 'paid' AND refunded_cents + :cents <= amount_cents RETURNING id
    """
)
RETURN = text("UPDATE orders SET refunded_cents = refunded_cents - :cents WHERE id = :id")
RETURN_OF_PAYMENT = text("UPDATE payments SET refunded_cents = refunded_cents - :cents WHERE no = :no")
POST = text(
    "SELECT post_refund(:id, :order_id, CAST(:cents AS bigint), CAST(:channel AS text), CAST(:payment AS text))"
)
UNDO = text("SELECT undo_refund(:id)")
PAID_FOR = text(
    """
    SELECT no FROM payments WHERE state = 'paid' AND (subject = :no OR subject = :basket AND :basket <> '')
    ORDER BY id DESC LIMIT 1
    """
)
SETTLE = text(
    """
    UPDATE refunds SET state = :state, detail = :detail, settled_at = now()
    WHERE id = :id AND state IN ('pending', 'unknown') RETURNING id
    """
)
DOUBT = text(
    "UPDATE refunds SET state = 'unknown', detail = :detail WHERE id = :id AND state IN ('pending', 'unknown')"
)
# All the money is back, and none of it is still on its way: the order is refunded, its cards are spent for good.
CLOSE = text(
    """
    WITH closed AS (
        UPDATE orders o SET state = 'refunded', reason = ''
        WHERE o.id = :id AND o.state IN ('delivered', 'partial') AND o.refunded_cents = o.total_cents
          AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.state IN ('pending', 'unknown'))
        RETURNING o.id
    ), told AS (
        INSERT INTO order_events (order_id, state, actor) SELECT id, 'refunded', :by FROM closed
    ), spent AS (
        UPDATE card_issued SET refunded_at = now() FROM closed
        WHERE card_issued.order_ref = closed.id AND card_issued.refunded_at IS NULL
    ) SELECT count(*) FROM closed
    """
)


class RefundAsked(Event, frozen=True):
    """Money is to go back by a gateway."""

    refund_id: UUID


class RefundGone(NotFound):
    message = "There is no such refund."


class NotGivenBack(Conflict):
    message = "Only of a delivered order money can be given back like this."


class BeyondCharge(Refused):
    message = "At most %(most)s of this order can still be given back."


class OverLimit(Refused):
    """The person may give back no more than this of one order, at once or in parts."""

    message = "You may give back up to %(most)s yourself. Ask the owner for more."


class NotInDoubt(Conflict):
    message = "This refund is not waiting for a decision."


class Refund(Struct, frozen=True, kw_only=True):
    """One giving back, in cents. `state`: pending, unknown, done, failed; `detail` is what the gateway said."""

    id: UUID
    order_id: UUID
    order_no: str
    amount_cents: int
    destination: str
    payment_no: str
    settlement: str
    reason: str
    state: str
    detail: str
    request_key: str
    made_by: str
    created_at: datetime
    settled_at: datetime | None

    @property
    def is_masters(self) -> bool:
        return self.settlement == BY_MASTER

    @property
    def can_be_decided(self) -> bool:
        """Whether a person of the station may say what came of it: the gateway could not."""
        return self.state == "unknown" and self.detail != "" and not self.is_masters


async def give_back(
    session: AsyncSession,
    no: str,
    *,
    cents: int,
    to: Destination,
    reason: str,
    by: str,
    request_key: str,
    limit_cents: int | None = None,
) -> Refund:
    """Gives back `cents` of a delivered order. The same `request_key` is the same refund. `limit_cents` is what `by`
    may give back of one order, all parts together.

    Raises `OrderGone`, `NotGivenBack`, `BeyondCharge`, `OverLimit`, `KeyReused`; by the channel `NotRefundableHere`,
    and `CollectedTooLow` when what the master holds for the station does not cover it. Nothing was given back then.
    """
    order = await queries.order_by_no(session, no, lock=True)
    if earlier := await _requested(session, request_key):
        if earlier.order_id != order.id or earlier.amount_cents != cents:
            raise KeyReused
        return earlier
    _check(order, cents)
    if limit_cents is not None:
        await _keep_to_limit(session, order, cents, limit_cents, by)
    refund_id, payment_no, channel_id, settlement = ids.uuid7(), "", None, "own"
    if to == "channel":
        payment_no, channel_id, settlement = await _by_channel(session, order, cents)
    if (await session.execute(TAKE, {"id": order.id, "cents": cents})).one_or_none() is None:
        raise BeyondCharge(field="amount", most=format_cents(order.total_cents - order.refunded_cents))
    values = {
        "id": refund_id,
        "order_id": order.id,
        "order_no": order.no,
        "cents": cents,
        "to": to,
        "payment_no": payment_no,
        "settlement": settlement,
        "reason": reason,
        "state": "done" if to == "wallet" else "pending",
        "request_key": request_key,
        "by": by,
    }
    await session.execute(INSERT, values)
    await _post(session, refund_id, order.id, cents, payment_no, channel_id, is_masters=settlement == BY_MASTER)
    if to == "wallet":
        await session.execute(CLOSE, {"id": order.id, "by": by})
    else:
        await outbox.record(session, RefundAsked(refund_id))
    session.expire(order)
    return await refund(session, refund_id)


async def _requested(session: AsyncSession, request_key: str) -> Refund | None:
    row = (await session.execute(REQUESTED, {"key": request_key})).mappings().one_or_none()
    return Refund(**row) if row else None


def _check(order: Order, cents: int) -> None:
    if order.state not in AFTER_SALE:
        raise NotGivenBack
    if not 1 <= cents <= order.total_cents - order.refunded_cents:
        raise BeyondCharge(field="amount", most=format_cents(order.total_cents - order.refunded_cents))


async def _keep_to_limit(session: AsyncSession, order: Order, cents: int, limit_cents: int, by: str) -> None:
    """The order is locked, so nothing is given back meanwhile. Raises `OverLimit`."""
    given_cents = (await session.execute(GIVEN_BY, {"id": order.id, "by": by})).scalar_one()
    if given_cents + cents > limit_cents:
        raise OverLimit(field="amount", most=format_cents(max(0, limit_cents - given_cents)))


async def _by_channel(session: AsyncSession, order: Order, cents: int) -> tuple[str, int, str]:
    """The payment that brought the money, its channel, and whose merchant account that is."""
    no = await payment_no_of(session, order)
    if no is None:
        raise NotRefundableHere(field="to")
    payment = await payments.payment(session, no)
    channel = await payments.channel(session, payment.channel_id)
    if (await session.execute(TAKE_OF_PAYMENT, {"no": no, "cents": cents})).one_or_none() is None:
        raise BeyondCharge(field="amount", most=format_cents(payment.amount_cents - payment.refunded_cents))
    return no, channel.id, channel.settlement


async def payment_no_of(session: AsyncSession, order: Order) -> str | None:
    """The payment that an order was paid by, its own or its basket's; None when the wallet paid."""
    if order.pay_method == "wallet":
        return None
    values = {"no": order.no, "basket": order.basket_no}
    return (await session.execute(PAID_FOR, values)).scalar_one_or_none()


async def _post(
    session: AsyncSession,
    refund_id: UUID,
    order_id: UUID,
    cents: int,
    payment_no: str,
    channel_id: int | None,
    *,
    is_masters: bool,
) -> None:
    values = {
        "id": refund_id,
        "order_id": order_id,
        "cents": cents,
        "channel": None if channel_id is None or is_masters else str(channel_id),
        "payment": payment_no if is_masters else None,
    }
    guard_commit(session, refusals)
    with refusals():
        await session.execute(POST, values)


async def refund(session: AsyncSession, refund_id: UUID) -> Refund:
    """Raises `RefundGone`."""
    row = (await session.execute(ONE, {"id": refund_id})).mappings().one_or_none()
    if row is None:
        raise RefundGone
    return Refund(**row)


async def of_order(session: AsyncSession, order_id: UUID) -> Sequence[Refund]:
    """Oldest first."""
    return [Refund(**row) for row in (await session.execute(OF_ORDER, {"id": order_id})).mappings()]


async def settle(session: AsyncSession, refund_id: UUID, answer: Refunded, by: str = "") -> Refund:
    """What the gateway, or a person in its place, says of a refund. Idempotent. Raises `RefundGone`."""
    known = await refund(session, refund_id)
    if answer.outcome is RefundOutcome.UNKNOWN:
        await session.execute(DOUBT, {"id": refund_id, "detail": answer.detail})
        await notices.tell(session, "refund_unknown", known.order_no, cents=known.amount_cents)
    elif answer.outcome is not RefundOutcome.NOT_SENT and known.state in ("pending", "unknown"):
        await _settle(session, known, answer, by)
    return await refund(session, refund_id)


async def _settle(session: AsyncSession, known: Refund, answer: Refunded, by: str) -> None:
    values = {"id": known.id, "state": str(answer.outcome), "detail": answer.detail}
    if (await session.execute(SETTLE, values)).one_or_none() is None:
        return
    if answer.outcome is RefundOutcome.FAILED:
        with refusals():
            await session.execute(UNDO, {"id": known.id})
        await session.execute(RETURN, {"id": known.order_id, "cents": known.amount_cents})
        await session.execute(RETURN_OF_PAYMENT, {"no": known.payment_no, "cents": known.amount_cents})
        await notices.tell(session, "refund_failed", known.order_no, cents=known.amount_cents)
    else:
        await session.execute(CLOSE, {"id": known.order_id, "by": by or known.made_by})


async def decide(session: AsyncSession, refund_id: UUID, *, done: bool, by: str) -> Refund:
    """A person has looked at the gateway's own page. Raises `RefundGone`, `NotInDoubt`."""
    known = await refund(session, refund_id)
    if not known.can_be_decided:
        raise NotInDoubt
    outcome = RefundOutcome.DONE if done else RefundOutcome.FAILED
    return await settle(session, refund_id, Refunded(outcome, known.detail), by)
