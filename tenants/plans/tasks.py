"""Renewing, reminding, counting. Shells around `renewal` and `usage`."""

import time

import structlog

from billing.ledger.errors import DepositTooLow
from billing.payments.service import DEPOSIT, PaymentReceived
from kameng.core import clock
from kameng.core.errors import NotFound
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant
from tenants.notices import service as notices
from tenants.plans import renewal, usage
from tenants.plans.renewal import PlanEnds, PlanUnpaid, Renewal

log = structlog.get_logger()

EVERY_S = 10.0
TURN_S = 20.0  # a run ends then, and the next goes on; well within the time that its lock holds


@periodic(seconds=EVERY_S)
async def renew_plans(runtime: Runtime) -> None:
    """Charges what is due. A station that was overdue goes on within seconds of its deposit being paid in."""
    await renew_due(runtime)


async def renew_due(runtime: Runtime) -> dict[Renewal, int]:
    """What became of the stations that were due."""
    done, after, ends = dict.fromkeys(Renewal, 0), 0, time.monotonic() + TURN_S
    while time.monotonic() < ends:
        async with runtime.database.master_session() as session:
            stations = await renewal.due(session, clock.now(), after)
        for tenant_id in stations:
            after = tenant_id
            if outcome := await renew_one(runtime, tenant_id):
                done[outcome] += 1
            if time.monotonic() > ends:
                break
        if not stations:
            break
    if any(done.values()):
        log.info("plans_renewed", **{str(outcome): count for outcome, count in done.items()})
    return done


async def renew_one(runtime: Runtime, tenant_id: int) -> Renewal | None:
    """One station; one that fails does not stop the others."""
    try:
        async with runtime.database.master_session() as session:
            return await renewal.renew(session, tenant_id, clock.now())
    except DepositTooLow:  # a sale was quicker by a moment; the station is due again
        return None
    except Exception:
        log.exception("renewal_failed", tenant=tenant_id)
        return None


@follows(PaymentReceived, queue="plans")
async def renew_when_paid_in(event: PaymentReceived, sender: Tenant | None, runtime: Runtime) -> None:
    """A deposit that was paid in online pays at once for what was overdue."""
    if sender is None and event.purpose == DEPOSIT:
        await renew_one(runtime, int(event.subject))


@periodic(seconds=300)
async def remind_of_plans(runtime: Runtime) -> None:
    """Tells owners that a charge is near."""
    more = True
    while more:
        async with runtime.database.master_session() as session:
            more = await renewal.remind(session, clock.now()) > 0


@periodic(seconds=60)
async def count_orders(runtime: Runtime) -> None:
    """Counts the orders of stations whose plan limits them."""
    after, ends = 0, time.monotonic() + TURN_S * 2
    while time.monotonic() < ends:
        stations = await usage.to_count(runtime, after)
        for one in stations:
            after = one.tenant_id
            try:
                await usage.count(runtime, await runtime.directory.tenant(one.tenant_id), one.most)
            except Exception:
                log.exception("orders_not_counted", tenant=one.tenant_id)
        if not stations:
            break


@follows(PlanEnds, queue="plans")
async def tell_of_end(event: PlanEnds, sender: Tenant | None, runtime: Runtime) -> None:
    """The owner is told, unless the station is gone."""
    if tenant := await _station(runtime, sender, event.tenant_id):
        subject = f"{event.until:%Y-%m-%d} {event.days}"
        until, cents = event.until.isoformat(), event.price_cents
        async with tenant.begin() as session:
            if event.is_short:
                await notices.tell(session, "plan_short", subject, until=until, days=event.days, cents=cents)
            else:
                await notices.tell(session, "plan_ends", subject, until=until, days=event.days, cents=cents)


@follows(PlanUnpaid, queue="plans")
async def tell_of_debt(event: PlanUnpaid, sender: Tenant | None, runtime: Runtime) -> None:
    """The owner is told why the shop takes no orders."""
    if tenant := await _station(runtime, sender, event.tenant_id):
        async with tenant.begin() as session:
            await notices.tell(session, "plan_overdue", f"{event.until:%Y-%m-%d}", cents=event.price_cents)


async def _station(runtime: Runtime, sender: Tenant | None, tenant_id: int) -> Tenant | None:
    """The station that a letter of the master's is about. A tenant may write letters too, and these are not its to
    write; a closed station has nobody to tell."""
    if sender is not None:
        return None
    try:
        return await runtime.directory.tenant(tenant_id)
    except NotFound:
        return None
