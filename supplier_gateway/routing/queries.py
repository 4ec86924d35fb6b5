"""Reading what routing is decided on, and keeping what was decided. Master session."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra.driver import driver
from supplier_gateway.port import Outcome
from supplier_gateway.routing.choice import Candidate, Decision, Passed, Rules, Weighed

MOST_KEPT = 12  # of a decision's candidates, and of those left out

# All that a decision needs of the good, in one read. The pin stands in every row.
CANDIDATES = """
    SELECT o.id AS offer_id, o.supplier_id, s.name AS supplier, o.sku, o.cost, o.stock,
           o.state = 'active' AND s.state = 'active' AS active, o.priority, o.priced_at,
           b.balance_cents, b.told_at AS balance_at, p.supplier_id AS pinned_supplier, coalesce(p.alone, false) AS alone
    FROM offers o JOIN suppliers s ON s.id = o.supplier_id AND s.protocol <> 'stock'
    LEFT JOIN supplier_balances b ON b.supplier_id = o.supplier_id
    LEFT JOIN routing_pins p ON p.good_id = o.good_id
    WHERE o.good_id = %(good)s ORDER BY o.priority, o.cost, o.id
"""
RULES = text(
    "SELECT cost_weight::float, latency_weight::float, explore_percent::float, least_margin_percent, fresh_hours,"
    " budget_ms, person_after_minutes, keep_days FROM routing_rules"
)
DECIDED = """
    INSERT INTO routing_decisions
        (id, order_ref, attempt, good_id, offer_id, supplier_id, reason, candidates, left_out, at)
    VALUES (%(id)s, %(order_ref)s, %(attempt)s, %(good)s, %(offer)s, %(supplier)s, %(reason)s,
            CAST(%(candidates)s AS jsonb), CAST(%(left_out)s AS jsonb), clock_timestamp())
    ON CONFLICT (order_ref) WHERE offer_id IS NULL
    DO UPDATE SET left_out = excluded.left_out, attempt = excluded.attempt, at = excluded.at
"""
# The first that is known of a purchase is what is learnt from it.
ANSWERED = """
    UPDATE routing_decisions SET outcome = %(outcome)s, fault = %(fault)s, answered_at = clock_timestamp(),
           took_ms = coalesce(CAST(%(took_ms)s AS int),
                              least(2000000000, extract(epoch FROM clock_timestamp() - at) * 1000)::int)
    WHERE id = %(id)s AND answered_at IS NULL RETURNING offer_id, supplier_id, took_ms
"""
LESSONS = text(
    """
    SELECT id, offer_id, supplier_id, outcome, fault, took_ms, answered_at FROM (
        SELECT * FROM routing_decisions WHERE answered_at > :since AND offer_id IS NOT NULL
        ORDER BY answered_at DESC LIMIT :most
    ) AS latest ORDER BY answered_at
    """
)
RESETS = text("SELECT scope, subject, at FROM routing_resets WHERE at > :since ORDER BY at")
RESET = text(
    "INSERT INTO routing_resets (scope, subject) VALUES (:scope, :subject)"
    " ON CONFLICT (scope, subject) DO UPDATE SET at = clock_timestamp()"
)
OF_ORDER = text(
    """
    SELECT id, attempt, good_id, offer_id, supplier_id, reason, candidates, left_out, at, outcome, fault, took_ms
    FROM routing_decisions WHERE order_ref = :order_ref ORDER BY at, id
    """
)
PINS = text(
    """
    SELECT p.good_id, g.name AS good, p.supplier_id, s.name AS supplier, p.alone, p.note, p.made_by, p.made_at
    FROM routing_pins p JOIN goods g ON g.id = p.good_id JOIN suppliers s ON s.id = p.supplier_id
    ORDER BY p.made_at DESC LIMIT 500
    """
)
PIN = text("SELECT supplier_id, alone, note FROM routing_pins WHERE good_id = :good")
OFFERS_NAMED = text(
    """
    SELECT o.id, o.good_id, g.name AS good, o.supplier_id, s.name AS supplier, o.sku
    FROM offers o JOIN goods g ON g.id = o.good_id JOIN suppliers s ON s.id = o.supplier_id WHERE o.id = ANY(:ids)
    """
)
BALANCES = text("SELECT supplier_id, balance_cents, told_at FROM supplier_balances")
BALANCE_TOLD = text(
    "INSERT INTO supplier_balances (supplier_id, balance_cents) VALUES (:supplier, :cents)"
    " ON CONFLICT (supplier_id) DO UPDATE SET balance_cents = excluded.balance_cents, told_at = now()"
)
BALANCE_TOO_LOW = text(
    "INSERT INTO supplier_balances (supplier_id, balance_cents) VALUES (:supplier, :most)"
    " ON CONFLICT (supplier_id) DO UPDATE SET balance_cents = least(supplier_balances.balance_cents, :most),"
    " told_at = now()"
)
PRUNE = text(
    """
    DELETE FROM routing_decisions WHERE id IN (
        SELECT id FROM routing_decisions WHERE at < now() - make_interval(days => :days) ORDER BY at LIMIT :most)
    """
)


class Decided(Struct, frozen=True):
    """What a decision is about. `id` is that of the purchase it leads to; `attempt` counts from 1."""

    id: UUID
    order_ref: UUID
    attempt: int
    good_id: int


class Lesson(Struct, frozen=True):
    """The first outcome that was known of a purchase."""

    id: UUID
    offer_id: int
    supplier_id: int
    outcome: Outcome
    fault: str
    took_ms: int
    at: datetime


class Kept(Struct, frozen=True):
    """A decision as it was stored. `offer_id` None: nobody could be asked. `outcome` is empty until one is known."""

    id: UUID
    attempt: int
    good_id: int
    offer_id: int | None
    supplier_id: int | None
    reason: str
    candidates: list[Weighed]
    left_out: list[Passed]
    at: datetime
    outcome: str
    fault: str
    took_ms: int | None


class Pin(Struct, frozen=True):
    """A good that is bought from one supplier before all others; from nobody else where `alone`."""

    good_id: int
    good: str
    supplier_id: int
    supplier: str
    alone: bool
    note: str
    made_by: str
    made_at: datetime


class Pinned(Struct, frozen=True):
    supplier_id: int
    alone: bool
    note: str


class Ground(Struct, frozen=True):
    """What a decision stands on: the good's offers over the wire, and its pin."""

    candidates: Sequence[Candidate]
    pinned_supplier: int | None
    pinned_alone: bool


class OfferName(Struct, frozen=True):
    id: int
    good_id: int
    good: str
    supplier_id: int
    supplier: str
    sku: str


async def ground(session: AsyncSession, good_id: int) -> Ground:
    rows = await (await driver(session).execute(CANDIDATES, {"good": good_id})).fetchall()
    candidates = [Candidate(*row[:11]) for row in rows]
    return Ground(candidates, rows[0][11] if rows else None, bool(rows and rows[0][12]))


async def rules(session: AsyncSession) -> Rules:
    return Rules(*(await session.execute(RULES)).one())


async def decided(session: AsyncSession, about: Decided, decision: Decision) -> None:
    """Keeps a decision. That nobody can be asked is kept once for an order, however often it is tried."""
    chosen = decision.chosen
    await driver(session).execute(
        DECIDED,
        {
            "id": about.id,
            "order_ref": about.order_ref,
            "attempt": about.attempt,
            "good": about.good_id,
            "offer": chosen.offer_id if chosen else None,
            "supplier": chosen.supplier_id if chosen else None,
            "reason": str(decision.reason),
            "candidates": msgspec.json.encode(_rounded(decision.weighed)).decode(),
            "left_out": msgspec.json.encode(decision.left_out[:MOST_KEPT]).decode(),
        },
    )


def _rounded(weighed: Sequence[Weighed]) -> list[Weighed]:
    return [
        msgspec.structs.replace(one, success=round(one.success, 4), score=round(one.score, 2))
        for one in weighed[:MOST_KEPT]
    ]


async def answered(
    session: AsyncSession, decision_id: UUID, outcome: Outcome, fault: str, took_s: float | None = None
) -> Lesson | None:
    """Keeps the first that is known of a purchase; None when something was known before."""
    took_ms = None if took_s is None else int(took_s * 1000)
    said = {"id": decision_id, "outcome": str(outcome), "fault": fault, "took_ms": took_ms}
    row = await (await driver(session).execute(ANSWERED, said)).fetchone()
    return Lesson(decision_id, row[0], row[1], outcome, fault, row[2], clock.now()) if row else None


async def lessons(session: AsyncSession, since: datetime, most: int) -> Sequence[Lesson]:
    """The latest outcomes after `since`, at most so many, oldest first."""
    rows = await session.execute(LESSONS, {"since": since, "most": most})
    return [Lesson(row.id, row.offer_id, row.supplier_id, Outcome(row.outcome), row.fault, row.took_ms, row.answered_at)
            for row in rows]  # fmt: skip


async def resets(session: AsyncSession, since: datetime) -> Sequence[tuple[str, int, datetime]]:
    """`(scope, subject, when)` of what is not to count any more."""
    return [(row.scope, row.subject, row.at) for row in await session.execute(RESETS, {"since": since})]


async def of_order(session: AsyncSession, order_ref: UUID) -> Sequence[Kept]:
    """All that was decided for an order, first to last."""
    rows = await session.execute(OF_ORDER, {"order_ref": order_ref})
    return [msgspec.convert(dict(row), Kept) for row in rows.mappings()]


async def pins(session: AsyncSession) -> Sequence[Pin]:
    """The latest 500."""
    return [Pin(**row) for row in (await session.execute(PINS)).mappings()]


async def pin_of(session: AsyncSession, good_id: int) -> Pinned | None:
    row = (await session.execute(PIN, {"good": good_id})).one_or_none()
    return Pinned(*row) if row else None


async def offer_names(session: AsyncSession, ids: Sequence[int]) -> dict[int, OfferName]:
    rows = await session.execute(OFFERS_NAMED, {"ids": list(ids)})
    return {row["id"]: OfferName(**row) for row in rows.mappings()}


async def balances(session: AsyncSession) -> Mapping[int, tuple[int, datetime]]:
    """What suppliers hold of ours, in cents, and when they said so."""
    return {row.supplier_id: (row.balance_cents, row.told_at) for row in await session.execute(BALANCES)}


async def balance_told(session: AsyncSession, supplier_id: int, cents: int) -> None:
    await session.execute(BALANCE_TOLD, {"supplier": supplier_id, "cents": cents})


async def balance_too_low(session: AsyncSession, supplier_id: int, needed_cents: int) -> None:
    """The supplier says that our balance does not cover `needed_cents`."""
    await session.execute(BALANCE_TOO_LOW, {"supplier": supplier_id, "most": max(0, needed_cents - 1)})


async def reset(session: AsyncSession, scope: str, subject: int) -> None:
    await session.execute(RESET, {"scope": scope, "subject": subject})


async def prune(session: AsyncSession, days: int, most: int) -> int:
    """Deletes at most so many decisions that are older. How many it were."""
    return int((await session.execute(PRUNE, {"days": days, "most": most})).rowcount)  # type: ignore[attr-defined]
