"""Asking a gateway to give money back, once.

A gateway knows no reference of ours for a refund, so a second call can be a second refund. Only of a whole payment it
can be asked afterwards whether it went back, and giving it back twice is refused. So a refund is marked `unknown` and
committed before the wire; one that is found so is asked about, never sent again, unless it is for the whole payment.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.service import MASTER
from billing.payments import queries as payments
from billing.payments import service as paying
from billing.payments.adapters.port import PaymentProvider, PayStatus, Refunded, RefundOutcome
from billing.payments.till import Till
from kameng.infra.runtime import Runtime

TABLES = {True: "collect_refunds", False: "refunds"}  # whether the till is the master's
CLAIM = "UPDATE {} SET state = 'unknown', detail = '' WHERE id = :id AND state = 'pending' RETURNING id"
PUT_BACK = "UPDATE {} SET state = 'pending', detail = :detail WHERE id = :id AND state = 'unknown' RETURNING id"
KEEP = """
    UPDATE {} SET state = :state, detail = :detail,
           settled_at = CASE WHEN :state IN ('done', 'failed') THEN now() END
    WHERE id = :id AND state IN ('pending', 'unknown') RETURNING id
"""
STATE = text("SELECT state, detail FROM own_collect_refund(:id)")
BY_US = "interrupted"  # nobody knows how far a call came
# For `kameng.web.paging.of_sql`. Master session.
AT_MASTER = """
    SELECT r.id, r.tenant_id, t.name AS station, r.payment_no, r.amount_cents, r.state, r.detail, r.created_at
    FROM collect_refunds r JOIN tenants t ON t.id = r.tenant_id
    WHERE (:state = '' OR r.state = :state) ORDER BY r.created_at DESC
"""


class Asked(Struct, frozen=True):
    """A refund as the gateway has to know it; `whole`: all of the payment goes back."""

    id: UUID
    payment_no: str
    amount_cents: int
    whole: bool


async def ask(runtime: Runtime, till: Till, asked: Asked) -> Refunded:
    """Asks the gateway of the till's payment; the caller keeps what it said. `NOT_SENT` may be tried again."""
    async with till.begin() as session:
        claimed = (await session.execute(_of(till, CLAIM), {"id": asked.id})).one_or_none() is not None
        payment = await payments.payment(session, asked.payment_no)
        channel = await payments.channel(session, payment.channel_id)
    provider = await paying.provider_of(runtime, till, channel)
    return await (_send(provider, asked) if claimed else _find_out(provider, asked))


async def keep(session: AsyncSession, till: Till, refund_id: UUID, answer: Refunded) -> bool:
    """Writes down what is known of a refund. False when it was settled before."""
    if answer.outcome is RefundOutcome.NOT_SENT:
        values = {"id": refund_id, "detail": answer.detail}
        return (await session.execute(_of(till, PUT_BACK), values)).one_or_none() is not None
    values = {"id": refund_id, "state": str(answer.outcome), "detail": answer.detail}
    return (await session.execute(_of(till, KEEP), values)).one_or_none() is not None


async def at_master(session: AsyncSession, refund_id: UUID) -> Refunded:
    """What the master's half of a refund came to. Tenant session."""
    row = (await session.execute(STATE, {"id": refund_id})).one()
    return Refunded(RefundOutcome(row.state) if row.state != "pending" else RefundOutcome.NOT_SENT, row.detail)


async def _send(provider: PaymentProvider, asked: Asked) -> Refunded:
    answer = await provider.refund(asked.payment_no, asked.amount_cents)
    if answer.outcome is RefundOutcome.DONE or not asked.whole:
        return answer
    gone = (await provider.query(asked.payment_no)).status is PayStatus.REFUNDED
    return Refunded(RefundOutcome.DONE, answer.detail) if gone else answer


async def _find_out(provider: PaymentProvider, asked: Asked) -> Refunded:
    """Of a call whose answer was lost."""
    state = await provider.query(asked.payment_no)
    if state.status is PayStatus.REFUNDED:
        return Refunded(RefundOutcome.DONE)
    if asked.whole and state.status is PayStatus.PAID:
        return await _send(provider, asked)
    return Refunded(RefundOutcome.UNKNOWN, state.detail or BY_US)


def _of(till: Till, statement: str) -> TextClause:
    return text(statement.format(TABLES[till.id == MASTER]))
