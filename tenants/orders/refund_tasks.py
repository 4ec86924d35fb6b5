"""Refunds by gateways: asked for, asked again, settled. Shells: short transactions, none across the wire."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.payments import queries as payments
from billing.payments.adapters.port import RefundOutcome
from billing.payments.till import master_till
from billing.refunds import service as gateway
from billing.refunds.service import Asked
from kameng.core import clock
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from tenants.orders import live, refunds
from tenants.orders.refunds import NotInDoubt, Refund, RefundAsked

DECIDE = text(
    """
    UPDATE collect_refunds SET state = :state, settled_at = now()
    WHERE id = :id AND state = 'unknown' AND detail <> '' RETURNING tenant_id, payment_no, amount_cents, state
    """
)
SOON_S, LATEST_S = 5.0, 3600.0
GIVE_UP_AFTER_S = 3 * 24 * 3600.0  # then only a person can find out


class RefundDecided(Event, frozen=True):
    """The master has looked up what came of a refund of a payment that it had collected."""

    tenant_id: int
    refund_id: UUID


@follows(RefundAsked, queue="payments")
async def give_back_by_gateway(event: RefundAsked, tenant: Tenant, runtime: Runtime) -> None:
    """Asks until something is known. What only a person can find out is left to him."""
    refund = await pursue(runtime, tenant, event.refund_id)
    age_s = (clock.now() - refund.created_at).total_seconds()
    if refund.state in ("pending", "unknown") and age_s < GIVE_UP_AFTER_S:
        raise Later(min(LATEST_S, max(SOON_S, age_s / 2)), refund.state)


async def pursue(runtime: Runtime, tenant: Tenant, refund_id: UUID) -> Refund:
    """One round with the gateway. Raises `RefundGone`."""
    async with tenant.begin() as session:
        refund = await refunds.refund(session, refund_id)
        if refund.state in ("done", "failed") or refund.destination == "wallet":
            return refund
        payment = await payments.payment(session, refund.payment_no)
    whole = refund.amount_cents == payment.amount_cents
    asked = Asked(refund.id, refund.payment_no, refund.amount_cents, whole)
    return await (_by_master if refund.is_masters else _by_station)(runtime, tenant, asked)


async def _by_station(runtime: Runtime, tenant: Tenant, asked: Asked) -> Refund:
    answer = await gateway.ask(runtime, tenant, asked)
    async with tenant.begin() as session:
        if answer.outcome is RefundOutcome.NOT_SENT:
            await gateway.keep(session, tenant, asked.id, answer)
        refund = await refunds.settle(session, asked.id, answer)
    await live.changed(runtime, tenant, refund.order_no)
    return refund


async def _by_master(runtime: Runtime, tenant: Tenant, asked: Asked) -> Refund:
    """The master's row is settled first: it is what the station's books may be undone by."""
    till = master_till(runtime)
    async with tenant.begin() as session:
        known = await gateway.at_master(session, asked.id)
    if known.outcome in (RefundOutcome.NOT_SENT, RefundOutcome.UNKNOWN):
        known = await gateway.ask(runtime, till, asked)
        async with till.begin() as session:
            await gateway.keep(session, till, asked.id, known)
    async with tenant.begin() as session:
        refund = await refunds.settle(session, asked.id, known)
    await live.changed(runtime, tenant, refund.order_no)
    return refund


@follows(RefundDecided, queue="payments")
async def settle_as_decided(event: RefundDecided, sender: Tenant | None, runtime: Runtime) -> None:
    """The station follows what the master has decided; the letter is not believed, the master's row is."""
    if sender is not None:
        return
    tenant = await runtime.directory.tenant(event.tenant_id)
    async with tenant.begin() as session:
        known = await gateway.at_master(session, event.refund_id)
        refund = await refunds.settle(session, event.refund_id, known)
    await live.changed(runtime, tenant, refund.order_no)


class AskedOfMaster(Struct, frozen=True):
    """The master's half of a refund."""

    tenant_id: int
    payment_no: str
    amount_cents: int
    state: str


async def decide_at_master(session: AsyncSession, refund_id: UUID, *, done: bool) -> AskedOfMaster:
    """The operator has looked at the gateway's own page; the station follows. Master session. Raises `NotInDoubt`."""
    row = (await session.execute(DECIDE, {"id": refund_id, "state": "done" if done else "failed"})).one_or_none()
    if row is None:
        raise NotInDoubt
    await outbox.record(session, RefundDecided(row.tenant_id, refund_id))
    return AskedOfMaster(*row)
