"""Money that the master holds for stations: released when its time is over, asked for, paid out or declined.

The station's acts run in its own session through functions of 0020_money, which hold to the terms; the master's in a
master session. An account is sealed with the master's key: whoever pays has to read it.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import service as ledger
from billing.ledger.errors import refusals
from billing.ledger.service import MASTER, Line
from billing.payouts import queries
from billing.payouts.errors import DecidedAlready, terms_hold
from billing.payouts.queries import Overrides, Payout
from kameng.core import clock, ids
from kameng.infra import outbox
from kameng.infra.crypto import Sealer
from kameng.infra.db import guard_commit
from kameng.infra.outbox import Event

PLACE = "payouts.account"
ASK = text("SELECT ask_payout(:id, :no, CAST(:cents AS bigint), :method, CAST(:account AS bytea), :key, :by, :note)")
CANCEL = text("SELECT cancel_payout(:id, :by)")
DECLINE = text("SELECT decline_payout(:id, :tenant, :by, :reason)")
PAID = text(
    """
    UPDATE payouts SET state = 'paid', reference = :reference, decided_by = :by, decided_at = now()
    WHERE id = :id AND state = 'requested' RETURNING tenant_id, no, amount_cents, fee_cents
    """
)
TO_DEPOSIT = text("SELECT earnings_to_deposit(:key, CAST(:cents AS bigint))")
SET_TERMS = text(
    """
    INSERT INTO settlement_terms (tenant_id, hold_days, least_cents, daily_cents, fee_rate, fee_cents)
    VALUES (:tenant, :hold_days, :least_cents, :daily_cents, :fee_rate, :fee_cents)
    ON CONFLICT (tenant_id) DO UPDATE SET
        hold_days = EXCLUDED.hold_days, least_cents = EXCLUDED.least_cents, daily_cents = EXCLUDED.daily_cents,
        fee_rate = EXCLUDED.fee_rate, fee_cents = EXCLUDED.fee_cents, changed_at = now()
    """
)
WHOLESALE_BACK = text("SELECT give_back_wholesale(:tenant, :order, :key, CAST(:cents AS bigint))")
RELEASE = text("SELECT release_collected(:tenant, CAST(:day AS date))")


class PayoutAsked(Event, frozen=True):
    """A station asks for a withdrawal."""

    payout_id: UUID


class PayoutDecided(Event, frozen=True):
    """The master has paid a withdrawal or declined it."""

    tenant_id: int
    payout_id: UUID


class PayoutDraft(Struct, frozen=True, kw_only=True):
    """What a station asks for. `account`: where to, as the person who pays reads it."""

    amount_cents: int
    method: Literal["alipay", "bank", "usdt"]
    account: Annotated[str, Meta(min_length=1, max_length=400)]
    request_key: Annotated[str, Meta(min_length=16, max_length=64)]
    note: Annotated[str, Meta(max_length=200)] = ""


async def ask(session: AsyncSession, sealer: Sealer, draft: PayoutDraft, by: str) -> str | None:
    """Asks for a withdrawal; its number, or None when this form was sent before. Tenant session; `sealer` is the
    master's.

    Raises `TooLittle`, `TooMuchToday`, `EatenByFee`; the commit raises `EarningsTooLow`.
    """
    payout_id, no = ids.uuid7(), f"W{clock.now():%y%m%d}{ids.code(8)}"
    values = {
        "id": payout_id,
        "no": no,
        "cents": draft.amount_cents,
        "method": draft.method,
        "account": sealer.seal(PLACE, payout_id, draft.account),
        "key": draft.request_key,
        "by": by,
        "note": draft.note,
    }
    guard_commit(session, refusals)
    with terms_hold():
        asked = (await session.execute(ASK, values)).scalar_one()
    if not asked:
        return None
    await outbox.record(session, PayoutAsked(payout_id))
    return no


def account_of(sealer: Sealer, payout: Payout) -> str:
    """Where a withdrawal is to go; `sealer` is the master's."""
    return sealer.open(PLACE, payout.id, payout.account)


async def cancel(session: AsyncSession, payout_id: UUID, by: str) -> Payout:
    """The station thinks better of it: back to its earnings. Raises `NoSuchPayout`, `DecidedAlready`."""
    payout = await queries.payout(session, payout_id)
    if not (await session.execute(CANCEL, {"id": payout_id, "by": by})).scalar_one():
        raise DecidedAlready
    return payout


async def to_deposit(session: AsyncSession, cents: int, request_key: str) -> bool:
    """Pays in to the deposit from earnings, at once and without a fee. False when this form was sent before. The commit
    raises `EarningsTooLow`."""
    guard_commit(session, refusals)
    return bool((await session.execute(TO_DEPOSIT, {"key": request_key, "cents": cents})).scalar_one())


async def pay(session: AsyncSession, payout_id: UUID, reference: str, by: str) -> None:
    """Somebody has sent the money by hand. Master session. Raises `DecidedAlready`."""
    row = (await session.execute(PAID, {"id": payout_id, "reference": reference, "by": by})).one_or_none()
    if row is None:
        raise DecidedAlready
    lines = [
        Line(row.tenant_id, "payout", "", -row.amount_cents),
        Line(MASTER, "master_bank", "", row.amount_cents - row.fee_cents),
        Line(MASTER, "master_revenue", "payout_fees", row.fee_cents),
    ]
    await ledger.post(session, f"payout_paid:{payout_id}", "payout_paid", row.no, lines, row.tenant_id)
    await outbox.record(session, PayoutDecided(row.tenant_id, payout_id))


async def decline(session: AsyncSession, payout_id: UUID, reason: str, by: str) -> None:
    """Back to the station's earnings. Master session. Raises `NoSuchPayout`, `DecidedAlready`."""
    payout = await queries.payout(session, payout_id)
    values = {"id": payout_id, "tenant": payout.tenant_id, "by": by, "reason": reason}
    if not (await session.execute(DECLINE, values)).scalar_one():
        raise DecidedAlready
    await outbox.record(session, PayoutDecided(payout.tenant_id, payout_id))


async def set_terms(session: AsyncSession, tenant_id: int, terms: Overrides) -> None:
    """Tenant 0: for everybody, and then none of them may be None. Master session."""
    values = {
        "tenant": tenant_id,
        "hold_days": terms.hold_days,
        "least_cents": terms.least_cents,
        "daily_cents": terms.daily_cents,
        "fee_rate": None if terms.fee_rate is None else Decimal(terms.fee_rate),
        "fee_cents": terms.fee_cents,
    }
    await session.execute(SET_TERMS, values)


async def give_back_wholesale(
    session: AsyncSession, tenant_id: int, order_id: UUID, cents: int, request_key: str
) -> bool:
    """The master bears some of an order's wholesale: the station's deposit has it back. False when this form was sent
    before. Master session. Raises `NeverCharged` beyond what the order brought the master."""
    values = {"tenant": tenant_id, "order": order_id, "key": f"{tenant_id}:{request_key}", "cents": cents}
    with refusals():
        return not (await session.execute(WHOLESALE_BACK, values)).scalar_one()


async def release(session: AsyncSession, tenant_id: int, day: date) -> int:
    """Moves to a station's earnings what was collected before `day` and is not its yet; once for each day. In cents.
    Master session. The commit raises `CollectedTooLow` when a sale or refund was quicker: the next run tries again."""
    guard_commit(session, refusals)
    return int((await session.execute(RELEASE, {"tenant": tenant_id, "day": day})).scalar_one())
