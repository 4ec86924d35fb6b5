"""Reading cases, rules and messages. Tenant session."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.desk.errors import CaseGone, RuleGone
from tenants.desk.models import Case, Message, Rule

MOST_LINES = 200

# For `kameng.web.paging.of_sql`, with one of VIEWS in the place of its condition.
LINES = """
    SELECT c.id, c.order_no, c.kind, c.state, c.opened_at, c.person_at, c.due_at, c.assigned_to, c.assigned_name,
           c.solved_at, c.solution, c.solved_by, c.touched_at, c.has_money, o.product_name, o.quantity, o.total_cents,
           o.state AS order_state, o.contact, b.login, b.kind AS buyer_kind,
           c.state = 'open' AND c.due_at < now() AS is_overdue, c.person_at <= now() AS wants_person
    FROM desk_cases c JOIN orders o ON o.id = c.order_id LEFT JOIN buyers b ON b.id = c.buyer_id
    WHERE {view} AND (:kind = '' OR c.kind = :kind) AND (:words = '' OR c.order_no ILIKE :pattern
          OR o.product_name ILIKE :pattern OR o.contact ILIKE :pattern OR b.login ILIKE :pattern)
    ORDER BY {order}
"""
BY_DEADLINE, BY_END = "c.due_at, c.id", "c.solved_at DESC, c.id"
VIEWS: Mapping[str, tuple[str, str]] = {
    "todo": ("c.state = 'open' AND c.person_at <= now()", BY_DEADLINE),
    "overdue": ("c.state = 'open' AND c.due_at < now()", BY_DEADLINE),
    "mine": ("c.state = 'open' AND c.assigned_to = :me", BY_DEADLINE),
    "nobodys": ("c.state = 'open' AND c.person_at <= now() AND c.assigned_to IS NULL", BY_DEADLINE),
    "rules": ("c.state = 'open' AND c.person_at > now()", "c.person_at, c.id"),
    "solved": ("c.state = 'solved'", BY_END),
    "all": ("true", "c.opened_at DESC, c.id"),
}
COUNTS = text(
    """
    SELECT count(*) FILTER (WHERE person_at <= now()) AS todo,
           count(*) FILTER (WHERE due_at < now()) AS overdue,
           count(*) FILTER (WHERE assigned_to = :me) AS mine,
           count(*) FILTER (WHERE person_at <= now() AND assigned_to IS NULL) AS nobodys,
           count(*) FILTER (WHERE person_at > now()) AS rules
    FROM desk_cases WHERE state = 'open'
    """
)
NEXT = text(
    "SELECT id FROM desk_cases WHERE state = 'open' AND person_at <= now() AND id <> :id"
    " AND (assigned_to IS NULL OR assigned_to = :me) ORDER BY due_at, id LIMIT 1"
)
DONE = text(
    "SELECT at, act, result, rule_id, actor, detail FROM desk_lines WHERE case_id = :id ORDER BY id LIMIT :limit"
)
BUYERS_ORDERS = text(
    """
    SELECT no, product_name, quantity, total_cents, refunded_cents, state, created_at FROM orders
    WHERE buyer_id = :buyer_id ORDER BY id DESC LIMIT 10
    """
)
LOCK_BUYER = text("SELECT pg_advisory_xact_lock(hashtextextended('desk.fraud:' || CAST(:buyer_id AS text), 0))")
EQUIVALENTS = text(
    """
    SELECT p.id AS product_id, p.name AS product, o.id AS other_id, o.name AS other, p.price, o.price AS other_price,
           o.state = 'on_sale' AND o.archived_at IS NULL AND NOT o.sold_out AS can_be_had
    FROM products p CROSS JOIN unnest(p.equivalents) WITH ORDINALITY AS e (id, place) JOIN products o ON o.id = e.id
    WHERE p.equivalents <> '{}' ORDER BY p.name, p.id, e.place LIMIT 500
    """
)
SELLABLE = text(
    """
    SELECT p.id, CASE WHEN h.id IS NULL THEN p.name ELSE h.name || ' · ' || p.name END AS name, p.price
    FROM products p LEFT JOIN products h ON h.id = p.variant_of
    WHERE p.specs = '[]' AND p.archived_at IS NULL ORDER BY 2, 1 LIMIT 2000
    """
)


# What a page of an order has to be drawn anew for.
MARK = text(
    """
    SELECT concat_ws('-', (SELECT count(*) FROM order_messages WHERE order_id = :id),
                     (SELECT string_agg(state, '-' ORDER BY offered_at) FROM desk_swaps WHERE order_id = :id))
    """
)

# The same for the page of a case; hours are among it, so that a page that stays open says "overdue" by itself.
CASE_MARK = text(
    """
    SELECT md5(concat_ws('-', c.state, c.assigned_to, c.person_at <= now(), c.due_at < now(), o.state, o.reason,
        o.delivered_quantity, o.refunded_cents, o.inputs, o.contact,
        (SELECT count(*) FROM desk_lines l WHERE l.case_id = c.id),
        (SELECT concat_ws(',', count(*), count(*) FILTER (WHERE m.channel = 'email' OR m.failure <> ''))
         FROM order_messages m WHERE m.order_id = o.id),
        (SELECT string_agg(s.state, ',' ORDER BY s.offered_at) FROM desk_swaps s WHERE s.order_id = o.id),
        (SELECT string_agg(t.state, ',' ORDER BY t.id) FROM tickets t WHERE t.order_no = o.no),
        (SELECT count(*) FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id WHERE t.order_no = o.no),
        (SELECT string_agg(r.state, ',' ORDER BY r.id) FROM refunds r WHERE r.order_id = o.id)))
    FROM desk_cases c JOIN orders o ON o.id = c.order_id WHERE c.id = :id
    """
)


class Said(Struct, frozen=True):
    """A message as its buyer reads it."""

    kind: str
    body: str
    sent_at: datetime
    automatic: bool


class Line(Struct, frozen=True):
    """One line of a case's history."""

    at: datetime
    act: str
    result: str
    rule_id: int | None
    actor: str  # empty: by rule
    detail: Mapping[str, Any]


def lines(view: str) -> str:
    """The queue as one of `VIEWS`: what is overdue first."""
    condition, order = VIEWS.get(view, VIEWS["all"])
    return LINES.format(view=condition, order=order)


async def counts(session: AsyncSession, me: UUID) -> Mapping[str, int]:
    return dict((await session.execute(COUNTS, {"me": me})).mappings().one())


async def next_case(session: AsyncSession, after: UUID, me: UUID) -> UUID | None:
    """What to turn to when this one is done: due first, and nobody else's."""
    return (await session.execute(NEXT, {"id": after, "me": me})).scalar_one_or_none()


async def case(session: AsyncSession, case_id: UUID, *, lock: bool = False) -> Case:
    """Raises `CaseGone`."""
    statement = select(Case).where(Case.id == case_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(statement)
    if found is None:
        raise CaseGone
    return found


async def of_order(session: AsyncSession, order_id: UUID, kind: str, *, lock: bool = False) -> Case | None:
    """The order's case of this kind."""
    statement = select(Case).where(Case.order_id == order_id, Case.kind == kind)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(statement)


async def lock_buyer(session: AsyncSession, buyer_id: UUID) -> None:
    """Until the commit nobody else looks whether this buyer's orders look like fraud."""
    await session.execute(LOCK_BUYER, {"buyer_id": buyer_id})


async def about(session: AsyncSession, order_no: str) -> Sequence[Case]:
    """All cases of an order, open ones first."""
    found = select(Case).where(Case.order_no == order_no).order_by(Case.state, Case.opened_at)
    return list(await session.scalars(found))


async def of_buyer(session: AsyncSession, buyer_id: UUID, but: UUID) -> Sequence[Case]:
    """Other cases of a buyer, newest first."""
    found = select(Case).where(Case.buyer_id == buyer_id, Case.id != but).order_by(Case.opened_at.desc()).limit(10)
    return list(await session.scalars(found))


async def orders_of_buyer(session: AsyncSession, buyer_id: UUID) -> Sequence[Any]:
    """His last orders."""
    return (await session.execute(BUYERS_ORDERS, {"buyer_id": buyer_id})).all()


async def history(session: AsyncSession, case_id: UUID) -> Sequence[Line]:
    rows = await session.execute(DONE, {"id": case_id, "limit": MOST_LINES})
    return [Line(*row) for row in rows]


async def rules(session: AsyncSession, *, on_only: bool = False) -> Sequence[Rule]:
    """In the order in which they run."""
    found = select(Rule).order_by(Rule.position, Rule.id)
    return list(await session.scalars(found.where(Rule.state == "on") if on_only else found))


async def rule(session: AsyncSession, rule_id: int, *, lock: bool = False) -> Rule:
    """Raises `RuleGone`."""
    statement = select(Rule).where(Rule.id == rule_id)
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise RuleGone
    return found


async def messages(session: AsyncSession, order_id: UUID) -> Sequence[Message]:
    """What the buyer was told, oldest first."""
    found = select(Message).where(Message.order_id == order_id).order_by(Message.sent_at, Message.id)
    return list(await session.scalars(found.limit(50)))


async def said(session: AsyncSession, order_id: UUID) -> Sequence[Said]:
    """The same as the buyer reads it."""
    return [Said(one.kind, one.body, one.sent_at, one.automatic) for one in await messages(session, order_id)]


async def mark(session: AsyncSession, order_id: UUID) -> str:
    """Stands for what the shop has said and offered; empty while that is nothing."""
    found = str((await session.execute(MARK, {"id": order_id})).scalar_one())
    return "" if found == "0" else found


async def case_mark(session: AsyncSession, case_id: UUID) -> str:
    """Stands for all of a case that its page shows and the station's schema knows. Raises `CaseGone`."""
    found = (await session.execute(CASE_MARK, {"id": case_id})).scalar_one_or_none()
    if found is None:
        raise CaseGone
    return str(found)


async def message(session: AsyncSession, message_id: UUID) -> Message | None:
    return await session.get(Message, message_id)


async def equivalents(session: AsyncSession) -> Sequence[Any]:
    """Every named equivalent, by product and rank."""
    return (await session.execute(EQUIVALENTS)).all()


async def sellable(session: AsyncSession) -> Sequence[Any]:
    """Products that can be sold themselves: `id`, `name`, `price` in yuan."""
    return (await session.execute(SELLABLE)).all()
