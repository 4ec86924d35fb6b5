"""What repricing does in the background. Shells: a call out stands between two short transactions."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale.writing import PricesChanged
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import NotFound
from kameng.infra import outbox
from kameng.infra.http import AddressForbidden, NoAnswer, NotSent, OutboundError
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant, begin_as
from kameng.web.i18n import N_
from tenants.pricing import capture, feed_queries, queries, readers, runs, sets, settings, simulation, stations
from tenants.pricing.capture import Trouble
from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.feed_queries import Feed
from tenants.pricing.feeds import CaptureDue
from tenants.pricing.readers import Article
from tenants.pricing.rule_book import RunDue
from tenants.pricing.runs import Ran, SimulationWanted

log = structlog.get_logger()

TOGETHER = 4  # stations at a time: the pool of connections serves requests too
ANSWERS_WITHIN_S = 15.0
MOST_BYTES = 4 << 20
OK = 200
STATUS = N_("It answered with status %(status)s.")
WORDS: Sequence[tuple[type[OutboundError], str]] = (
    (AddressForbidden, N_("Its address leads into a private network, which is not asked.")),
    (NotSent, N_("It could not be reached.")),
    (NoAnswer, N_("It did not answer in time.")),
    (OutboundError, N_("Its answer is too large, or packed.")),
)
CLOSED_WAITS = timedelta(hours=1)


@follows(PricesChanged, queue="prices")
async def follow_wholesale(event: PricesChanged, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    """Prices by rule follow what their goods cost now, at every station that the change reaches, some at a time."""
    async with runtime.database.master_session() as session:
        reached = await stations.reached(session, event)
    turns = asyncio.Semaphore(TOGETHER)

    async def one(tenant_id: int) -> None:
        async with turns:
            try:
                async with begin_as(runtime.database, tenant_id) as session:
                    if await queries.has_rules(session):
                        ran = await runs.run(session, clock.now(), runs.COST, goods=reached.goods)
                        await _record(session, ran, runs.COST)
            except DBAPIError as error:  # a station that is being moved or closed stops nobody else
                log.warning("station_not_repriced", tenant=tenant_id, error=str(error.orig))

    await asyncio.gather(*(one(tenant_id) for tenant_id in reached.stations))


@follows(RunDue, queue="prices")
async def run_on_time(event: RunDue, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001
    """The scheduled run of a station, which goes on with what limits have cut short; and the next one."""
    if tenant is None:
        return
    async with tenant.begin() as session:
        set_to = await settings.take_turn(session)
        if await settings.turn(session) != event.turn:
            return
        await outbox.record(session, event, delay=timedelta(minutes=set_to.every_min))
        if tenant.is_open:
            ran = await runs.run(session, clock.now(), "schedule", everything=True)
            await _record(session, ran, "schedule")


@follows(CaptureDue, queue="feeds")
async def capture_feed(event: CaptureDue, tenant: Tenant | None, runtime: Runtime) -> None:
    """Asks a feed, keeps what it says, and prices what follows it."""
    if tenant is None:
        return
    try:
        async with tenant.begin() as session:
            feed = await feed_queries.feed(session, event.feed_id)
    except NotFound:
        return
    if feed.turn != event.turn or feed.state != "active":
        return
    answer = await ask(runtime, feed) if tenant.is_open else None
    now = clock.now()
    async with tenant.begin() as session:
        await settings.take_turn(session)
        if (await feed_queries.feed(session, event.feed_id)).turn != event.turn:
            return
        if answer is None:  # a shop that is closed follows nobody
            await outbox.record(session, event, delay=CLOSED_WAITS)
            return
        if isinstance(answer, Trouble):
            due_at = await capture.failed(session, feed, answer, now)
            await outbox.record(session, event, delay=due_at - now)
            return
        await outbox.record(session, event, delay=timedelta(minutes=feed.every_minutes))
        products = await capture.keep(session, feed, answer, now)
        ran = await runs.run(session, now, "capture", products=products)
        await _record(session, ran, "capture")


async def ask(runtime: Runtime, feed: Feed) -> dict[str, Article] | Trouble:
    """What a feed lists, or why it gave nothing."""
    try:
        reply = await runtime.outbound.request(
            "GET",
            readers.address(feed.kind, feed.url),
            headers={"accept": "application/json, text/csv, */*"},
            timeout_s=ANSWERS_WITHIN_S,
            max_body_bytes=MOST_BYTES,
        )
        if reply.status != OK:
            return Trouble(STATUS, {"status": reply.status})
        return await asyncio.to_thread(readers.read, feed.kind, reply.body, feed.options)
    except FeedUnreadable as error:
        return Trouble(error.message, error.params)
    except OutboundError as error:
        return Trouble(next(said for kind, said in WORDS if isinstance(error, kind)), {})


@follows(SimulationWanted, queue="prices")
async def simulate(event: SimulationWanted, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001
    """What a change that waits would have made of the last 30 days."""
    if tenant is None:
        return
    try:
        async with tenant.begin() as session:
            ground = await simulation.ground(session, event.set_id, clock.now())
        result = await simulation.replayed(ground)
        async with tenant.begin() as session:
            await simulation.keep(session, event.set_id, result)
    except NotFound:
        return


async def _record(session: AsyncSession, ran: Ran, cause: str) -> None:
    """A line in the station's log for a run that has changed prices. The last statement of its transaction."""
    if ran.applied:
        detail = {"cause": cause, "changes": len(ran.applied)}
        await audit.record(session, sets.SYSTEM, "pricing.run", str(ran.set_id), detail)
