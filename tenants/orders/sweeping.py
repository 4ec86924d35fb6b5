"""Orders whose time has come. Letters (`outbox`) carry an order on; these sweepers see to it that none is forgotten
when a letter is lost. Shells: each looks for orders of one state, of all stations, in one table of the master."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import UnderWay
from kameng.core.errors import KamengError
from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from kameng.infra.tenancy import Tenant
from tenants.orders import live, moving, queries
from tenants.orders.events import OrderPaid
from tenants.orders.states import State

log = structlog.get_logger()

AT_A_TIME = 200
LOOK_AGAIN = timedelta(minutes=1)
HELD_FOR_NOTHING = timedelta(minutes=10)
HELD_AT_MOST = timedelta(hours=3)  # beyond what any order may take to be paid, whatever a station says of its deadline

# Looked at again later, whatever becomes of it now: a sweep that dies leaves nothing behind.
DUE = text(
    """
    UPDATE order_deadlines d SET look_at = now() + :again
    FROM (SELECT order_ref FROM order_deadlines WHERE state = :state AND look_at <= now()
          ORDER BY look_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS found
    WHERE d.order_ref = found.order_ref
    RETURNING d.order_ref, d.tenant_id, d.due_at <= now() AS is_over,
        CAST(d.order_ref AS text) IN (SELECT coalesce(o.payload->>'order_id', '') FROM outbox o) AS is_on_its_way
    """
)
FORGET = text("DELETE FROM order_deadlines WHERE order_ref = :id")
# An order that holds cards is unpaid, and has its row here.
FREE = text(
    """
    WITH freed AS (
        DELETE FROM card_held h WHERE h.id IN (
            SELECT id FROM card_held c WHERE c.held_at < now() - :longest
                OR c.held_at < now() - :patience AND NOT EXISTS (
                    SELECT 1 FROM order_deadlines d WHERE d.order_ref = c.order_ref AND d.state = 'unpaid')
            LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING h.*
    ), back AS (
        INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id, label)
        SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label FROM freed
        ON CONFLICT (item_id, fingerprint) DO NOTHING
    ) SELECT count(*) FROM freed
    """
)


class Due(Struct, frozen=True):
    """An order to look at. `is_over`: it is to be given up. `is_on_its_way`: a letter will carry it on."""

    order_id: UUID
    tenant_id: int
    is_over: bool
    is_on_its_way: bool


Act = Callable[[AsyncSession, Due], Awaitable[bool]]


@periodic(seconds=15)
async def end_unpaid(runtime: Runtime) -> None:
    """An unpaid order whose time is over expires, and its cards are free again."""

    async def act(session: AsyncSession, due: Due) -> bool:
        return due.is_over and await moving.expire(session, due.order_id, "not_paid")

    await _sweep(runtime, State.UNPAID, act)


@periodic(seconds=15)
async def send_paid(runtime: Runtime) -> None:
    """A charged order that nobody is at work on is sent to be delivered again; one that is over is given up."""
    await _sweep(runtime, State.PAID, _go_on)


@periodic(seconds=15)
async def end_waiting(runtime: Runtime) -> None:
    """A waiting order is sent again when nobody is at work on it, and given up when its time is over: what has not come
    of it is paid back."""
    await _sweep(runtime, State.WAITING, _go_on)


@periodic(seconds=60)
async def free_held(runtime: Runtime) -> None:
    """The master's cards that are held for no unpaid order are for sale again."""
    async with runtime.database.master_session() as session:
        asked = {"patience": HELD_FOR_NOTHING, "longest": HELD_AT_MOST, "limit": AT_A_TIME}
        freed = (await session.execute(FREE, asked)).scalar_one()
    if freed:
        log.warning("cards_were_held_for_nothing", cards=freed)


async def _go_on(session: AsyncSession, due: Due) -> bool:
    if due.is_over:
        try:
            async with session.begin_nested():
                return await moving.end_part(session, due.order_id, "not_delivered")
        except UnderWay:
            pass  # a supplier may still deliver: it is asked again
    order = await queries.order(session, due.order_id)
    if not due.is_on_its_way and order.good_id is not None and not order.final:
        await outbox.record(session, OrderPaid(order.id))
    return False


async def _sweep(runtime: Runtime, state: State, act: Act) -> None:
    async with runtime.database.master_session() as session:
        asked = {"state": str(state), "limit": AT_A_TIME, "again": LOOK_AGAIN}
        found = [Due(*row) for row in await session.execute(DUE, asked)]
    for due in found:
        if due.is_on_its_way and not due.is_over:
            continue
        try:
            tenant = await runtime.directory.tenant(due.tenant_id)
            await _look(runtime, tenant, state, due, act)
        except KamengError as error:
            log.error("order_stuck", tenant=due.tenant_id, order=str(due.order_id), state=str(state), why=str(error))


async def _look(runtime: Runtime, tenant: Tenant, state: State, due: Due, act: Act) -> None:
    async with tenant.begin() as session:
        order = await queries.order(session, due.order_id)
        if order.state != state:  # its own transaction has the last word; this one saw an earlier row
            if order.final:
                await session.execute(FORGET, {"id": due.order_id})
            return
        changed = await act(session, due)
    if changed:
        await live.changed(runtime, tenant, order.no)
