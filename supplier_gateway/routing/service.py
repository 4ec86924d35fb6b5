"""What a process knows of suppliers, kept up with what all processes learn; the master's rules, pins and resets.

Each process learns from its own purchases at once, and once a second, when it has something to decide, reads from the
decisions' table what others have learnt. So nothing depends on Redis, and a process that has just started knows the
last
hours.
"""

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID
from weakref import WeakKeyDictionary

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra.db import Database
from kameng.infra.runtime import Runtime
from supplier_gateway.port import Fault, Outcome
from supplier_gateway.routing import queries
from supplier_gateway.routing.breaker import CLOSED
from supplier_gateway.routing.choice import Decision, Rules, Wanted
from supplier_gateway.routing.errors import NoSuchOffer, NotPinned
from supplier_gateway.routing.queries import Decided, Lesson
from supplier_gateway.routing.router import Known, Router
from supplier_gateway.suppliers import queries as supplier_queries
from supplier_gateway.suppliers.service import Supplier

READ_EVERY_S = 1.0
LEARNT_FROM = timedelta(hours=6)  # by a process that has just started
OVERLAP = timedelta(seconds=15)  # outcomes are dated before their commit, so each reading looks back
MOST_LESSONS = 5_000

SET_RULES = text(
    """
    UPDATE routing_rules SET cost_weight = :cost_weight, latency_weight = :latency_weight,
           explore_percent = :explore_percent, least_margin_percent = :least_margin_percent, fresh_hours = :fresh_hours,
           budget_ms = :budget_ms, person_after_minutes = :person_after_minutes, keep_days = :keep_days
    """
)
OFFERS_IT = text("SELECT EXISTS (SELECT 1 FROM offers WHERE good_id = :good AND supplier_id = :supplier)")
SET_PIN = text(
    "INSERT INTO routing_pins (good_id, supplier_id, alone, note, made_by)"
    " VALUES (:good, :supplier, :alone, :note, :by) ON CONFLICT (good_id) DO UPDATE SET"
    " supplier_id = :supplier, alone = :alone, note = :note, made_by = :by, made_at = now()"
)
UNPIN = text("DELETE FROM routing_pins WHERE good_id = :good RETURNING supplier_id, alone")


class Asked(Struct, frozen=True):
    """Which purchase, by which offer, at which supplier."""

    purchase_id: UUID
    offer_id: int
    supplier_id: int


class Memory:
    """The router of one process, its rules, and how far it has read."""

    def __init__(self) -> None:
        self.router = Router(Random())  # noqa: S311 - who is explored is no secret
        self.rules = Rules()
        self.suppliers: dict[int, Supplier] = {}
        self._read_at: datetime | None = None
        self._known: set[UUID] = set()
        self._order: deque[UUID] = deque()
        self._resets: dict[tuple[str, int], datetime] = {}

    async def keep_up(self, session: AsyncSession) -> None:
        """Reads what others have learnt, and the rules, unless that was within the last second."""
        now = clock.now()
        if self._read_at and (now - self._read_at).total_seconds() < READ_EVERY_S:
            return
        since = self._read_at - OVERLAP if self._read_at else now - LEARNT_FROM
        self._read_at = now
        self.rules = await queries.rules(session)
        self.suppliers = {one.id: one for one in await supplier_queries.all_suppliers(session)}
        for scope, subject, at in await queries.resets(session, since):
            if self._resets.get((scope, subject)) != at:
                self._resets[scope, subject] = at
                self.router.forget(scope, subject)
        for lesson in await queries.lessons(session, since, MOST_LESSONS):
            self.learn(lesson)

    def learn(self, lesson: Lesson) -> None:
        """Takes an outcome over, once."""
        if lesson.id in self._known:
            return
        self._known.add(lesson.id)
        self._order.append(lesson.id)
        if len(self._order) > 2 * MOST_LESSONS:
            self._known.discard(self._order.popleft())
        ended = max(
            self._resets.get(("offer", lesson.offer_id), lesson.at),
            self._resets.get(("supplier", lesson.supplier_id), lesson.at),
        )
        if ended <= lesson.at:
            self.router.answered(
                lesson.id, lesson.offer_id, lesson.supplier_id, lesson.at.timestamp(), lesson.outcome, lesson.fault,
                lesson.took_ms / 1000,
            )  # fmt: skip


_memories: WeakKeyDictionary[Database, Memory] = WeakKeyDictionary()


def memory_of(runtime: Runtime) -> Memory:
    """What this process knows."""
    memory = _memories.get(runtime.database)
    if memory is None:
        memory = _memories[runtime.database] = Memory()
    return memory


async def choose(
    runtime: Runtime,
    session: AsyncSession,
    good_id: int,
    quantity: int,
    *,
    wholesale_price: Decimal | None = None,
    tried: frozenset[int] = frozenset(),
    offer_id: int | None = None,
) -> Decision:
    """By which offer to buy `quantity` units now. Nothing is written: see `decided`."""
    memory = memory_of(runtime)
    await memory.keep_up(session)
    ground = await queries.ground(session, good_id)
    wanted = Wanted(
        quantity=quantity,
        wholesale_price=wholesale_price,
        tried=tried,
        offer_id=offer_id,
        pinned_supplier=ground.pinned_supplier,
        pinned_alone=ground.pinned_alone,
    )
    return memory.router.decide(ground.candidates, wanted, memory.rules, clock.now())


async def decided(runtime: Runtime, session: AsyncSession, about: Decided, decision: Decision) -> None:
    """Keeps the decision with the purchase it leads to, and counts the order as on its way."""
    await queries.decided(session, about, decision)
    if decision.chosen:
        chosen, now = decision.chosen, clock.now().timestamp()
        memory_of(runtime).router.sent(about.id, chosen.offer_id, chosen.supplier_id, now)


async def supplier(runtime: Runtime, session: AsyncSession, supplier_id: int) -> Supplier:
    """A supplier's account, at most a second old."""
    known = memory_of(runtime).suppliers.get(supplier_id)
    return known or await supplier_queries.supplier(session, supplier_id)


def departed(runtime: Runtime, asked: Asked) -> None:
    """The supplier is called now: from here on its time counts."""
    now = clock.now().timestamp()
    memory_of(runtime).router.departed(asked.purchase_id, asked.offer_id, asked.supplier_id, now)


def arrived(runtime: Runtime, asked: Asked) -> None:
    """The supplier's answer is here: what takes time from now on is ours, and not held against it."""
    memory_of(runtime).router.arrived(asked.purchase_id, asked.offer_id, asked.supplier_id)


async def answered(
    runtime: Runtime,
    session: AsyncSession,
    asked: Asked,
    outcome: Outcome,
    fault: str,
    needed_cents: int,
    took_s: float | None = None,
) -> None:
    """Learns from what is first known of a purchase. `needed_cents` is what it would have cost; `took_s` how long the
    supplier took, None: since the decision."""
    if outcome is Outcome.PENDING:  # the supplier has it: what becomes of it is learnt later
        router, now = memory_of(runtime).router, clock.now().timestamp()
        router.answered(asked.purchase_id, asked.offer_id, asked.supplier_id, now, outcome, fault, 0.0)
        return
    lesson = await queries.answered(session, asked.purchase_id, outcome, fault, took_s)
    if lesson is None:
        return
    if fault == Fault.BALANCE:
        await queries.balance_too_low(session, asked.supplier_id, needed_cents)
    memory_of(runtime).learn(lesson)


async def change_rules(session: AsyncSession, rules: Rules) -> None:
    """Every process follows within a second."""
    await session.execute(SET_RULES, {name: getattr(rules, name) for name in Rules.__struct_fields__})


async def pin(session: AsyncSession, good_id: int, supplier_id: int, by: str, *, alone: bool, note: str = "") -> None:
    """Buys a good from this supplier before all others; from nobody else with `alone`. Raises `NoSuchOffer`."""
    if not (await session.execute(OFFERS_IT, {"good": good_id, "supplier": supplier_id})).scalar_one():
        raise NoSuchOffer(field="supplier_id")
    said = {"good": good_id, "supplier": supplier_id, "alone": alone, "note": note, "by": by}
    await session.execute(SET_PIN, said)


async def unpin(session: AsyncSession, good_id: int) -> int:
    """The supplier that it was pinned to. Raises `NotPinned`."""
    row = (await session.execute(UNPIN, {"good": good_id})).one_or_none()
    if row is None:
        raise NotPinned
    return int(row.supplier_id)


async def reset(session: AsyncSession, scope: str, subject: int) -> None:
    """Forgets what was learnt of an `offer` or a `supplier`, in every process within a second: its breaker is
    closed."""
    await queries.reset(session, scope, subject)


def known_of(runtime: Runtime, scope: str) -> dict[int, Known]:
    """What this process knows of `offer`s or `supplier`s, by their ids. Call `keep_up` first."""
    router = memory_of(runtime).router
    return router.offers if scope == "offer" else router.suppliers


def broken(runtime: Runtime) -> list[int]:
    """Offers whose breaker is not closed now."""
    now, router = clock.now().timestamp(), memory_of(runtime).router
    return [offer_id for offer_id, known in router.offers.items() if known.state(now) != CLOSED]
