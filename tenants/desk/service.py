"""Cases: opened, worked on, solved. Tenant session; nothing here commits. Each act holds its case, and the order before
it where it needs both."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from tenants.buyers import levels
from tenants.buyers import queries as buyers
from tenants.buyers.errors import BuyerGone
from tenants.desk import queries, settings
from tenants.desk.conditions import Facts
from tenants.desk.errors import SolvedAlready
from tenants.desk.models import Case
from tenants.desk.states import Kind
from tenants.orders.service import Order
from tenants.shop import categories
from tenants.shop import queries as shop
from tenants.shop.errors import ProductGone

LINE = text(
    """
    INSERT INTO desk_lines (case_id, act, result, rule_id, actor, detail, key)
    VALUES (:case_id, :act, :result, :rule_id, :actor, CAST(:detail AS jsonb), :key)
    ON CONFLICT (case_id, key) WHERE key <> '' DO NOTHING RETURNING id
    """
)
SOLVE_ALL = text(
    """
    UPDATE desk_cases SET state = 'solved', solved_at = now(), solution = :solution
    WHERE order_id = :order_id AND state = 'open' RETURNING id
    """
)


async def open_case(session: AsyncSession, order: Order, kind: Kind, cause: str, *, has_money: bool) -> Case | None:
    """A new case of an order that was locked; None when it has, or had, one of this kind."""
    plan, now = await settings.read(session), clock.now()
    person_at = now + timedelta(minutes=plan.person_minutes)
    values = {
        "id": ids.uuid7(),
        "order_id": order.id,
        "order_no": order.no,
        "buyer_id": order.buyer_id,
        "kind": str(kind),
        "cause": cause,
        "has_money": has_money,
        "facts": msgspec.to_builtins(await facts_of(session, order, kind)),
        "opened_at": now,
        "person_at": person_at,
        "due_at": person_at + timedelta(minutes=plan.due_minutes),
    }
    made = insert(Case).values(values).on_conflict_do_nothing(index_elements=["order_id", "kind"])
    if (await session.execute(made.returning(Case.id))).scalar_one_or_none() is None:
        return None
    case = await queries.case(session, values["id"], lock=True)
    await note(session, case, "opened", detail={"cause": cause})
    return case


async def facts_of(session: AsyncSession, order: Order, kind: Kind) -> Facts:
    """What conditions are held against."""
    try:
        buyer = await buyers.buyer(session, order.buyer_id)
    except BuyerGone:
        buyer = None
    level = await levels.of_buyer(session, order.buyer_id)
    names = (buyer.name, buyer.login, buyer.contact) if buyer else ()
    return Facts(
        kind=str(kind),
        product_id=order.product_id,
        product_name=order.product_name,
        category_ids=await _categories(session, order.product_id),
        amount_cents=order.total_cents,
        buyer_kind=buyer.kind if buyer else "guest",
        buyer_rank=level.rank if level else 0,
        buyer_words=" ".join(word for word in (*names, order.contact) if word),
        buyer_days=(clock.now() - buyer.created_at).days if buyer else 0,
    )


async def _categories(session: AsyncSession, product_id: int) -> list[int]:
    try:
        category_id = (await shop.head_of(session, product_id)).category_id
    except ProductGone:
        return []
    if category_id is None:
        return []
    return [node.id for node in (await categories.tree(session)).above(category_id)]


async def note(
    session: AsyncSession,
    case: Case,
    act: str,
    result: str = "",
    *,
    actor: str = "",
    rule_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
    key: str = "",
) -> bool:
    """Adds a line to the case's history. False when one with this `key` stands there: then it was done before."""
    values = {
        "case_id": case.id,
        "act": act,
        "result": result,
        "rule_id": rule_id,
        "actor": actor,
        "detail": msgspec.json.encode(detail or {}).decode(),
        "key": key,
    }
    return (await session.execute(LINE, values)).scalar_one_or_none() is not None


async def touch(session: AsyncSession, case_id: UUID, staff_id: UUID, name: str) -> Case:
    """The case, locked, in the hands of a person who does something about it: whoever works on what is nobody's takes
    it on. Raises `CaseGone`, `SolvedAlready`."""
    case = await queries.case(session, case_id, lock=True)
    if not case.is_open:
        raise SolvedAlready
    case.touched_at = case.touched_at or clock.now()
    case.person_at = min(case.person_at, clock.now())
    if case.assigned_to is None:
        case.assigned_to, case.assigned_name = staff_id, name
    await session.flush()
    return case


async def assign(session: AsyncSession, case_id: UUID, staff_id: UUID | None, name: str, by: str) -> str:
    """Gives a case to somebody, or to nobody; returns whose it was. Raises `CaseGone`, `SolvedAlready`."""
    case = await queries.case(session, case_id, lock=True)
    if not case.is_open:
        raise SolvedAlready
    before = case.assigned_name
    case.assigned_to, case.assigned_name = staff_id, name if staff_id else ""
    await session.flush()
    await note(session, case, "assigned", actor=by, detail={"from": before, "to": case.assigned_name})
    return before


async def want_person(session: AsyncSession, case: Case) -> None:
    """The rules can do no more."""
    now = clock.now()
    if case.person_at > now:
        case.due_at -= case.person_at - now
        case.person_at = now
        await session.flush()


async def solve(session: AsyncSession, case: Case, solution: str, by: str = "", words: str = "") -> None:
    """Ends a case that is held. Raises `SolvedAlready`."""
    if not case.is_open:
        raise SolvedAlready
    case.state, case.solved_at, case.solution, case.solved_by = "solved", clock.now(), solution, by
    await session.flush()
    await note(session, case, "solved", solution, actor=by, detail={"words": words} if words else None)


async def solve_all(session: AsyncSession, order: Order) -> int:
    """The order is final: nothing is left to be done about it. Returns how many cases that ended."""
    solved = (await session.execute(SOLVE_ALL, {"order_id": order.id, "solution": order.state})).scalars().all()
    for case_id in solved:
        case = await queries.case(session, case_id)
        await session.refresh(case)
        await note(session, case, "solved", order.state)
    return len(solved)
