"""What rules do about a case. Each act is done once for a case and rule, and leaves a line. Tenant session; nothing
here commits. What needs the wire is done by `tasks`, between two transactions."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec import Struct, convert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import UnderWay
from kameng.core import clock
from kameng.infra import outbox
from kameng.infra.tenancy import Tenant
from tenants.desk import messages, queries, rule_book, service, swaps, texts
from tenants.desk.conditions import Facts
from tenants.desk.errors import NoEquivalent, OfferedAlready
from tenants.desk.events import ReplenishmentWanted, RuleDue
from tenants.desk.models import Case, Rule
from tenants.desk.states import Action, Result
from tenants.notices import service as notices
from tenants.orders import service as orders
from tenants.orders.service import Order

AGAIN = timedelta(minutes=5)  # what could not be done because a supplier may still deliver


class Scene(Struct, frozen=True):
    """A case with what every act needs. `base_url` is how the station's addresses begin."""

    tenant: Tenant
    base_url: str
    case: Case
    order: Order


async def begin(session: AsyncSession, scene: Scene) -> None:
    """Sets the rules to work on a new case: what is due at once is done now, the others get their hour."""
    facts = convert(scene.case.facts, Facts)
    fitting = [rule for rule in await queries.rules(session, on_only=True)
               if rule_book.condition_of(rule).fits(facts)]  # fmt: skip
    persons = [rule for rule in fitting if rule.action == Action.PERSON]
    if persons:
        first = min(persons, key=lambda rule: rule.after_minutes)
        scene.case.person_at = scene.case.opened_at + timedelta(minutes=first.after_minutes)
        scene.case.due_at = scene.case.person_at + timedelta(minutes=first.due_minutes)
        await session.flush()
    for rule in fitting:
        if rule.after_minutes or rule.action == Action.NEXT_SUPPLIER:
            delay = timedelta(minutes=rule.after_minutes) if rule.after_minutes else None
            await outbox.record(session, RuleDue(scene.case.id, rule.id), delay=delay)
        else:
            await act(session, scene, rule)


async def act(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    """Does what the rule says, unless that was done."""
    await ACTS[Action(rule.action)](session, scene, rule)


async def _tell(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    if not await _is_first(session, scene, rule, Result.DONE):
        return
    values = await messages.variables(
        session, scene.tenant, scene.base_url, scene.order, has_money=scene.case.has_money
    )
    said = messages.filled_in(texts.template_of(rule), values, scene.order.no)
    if said:
        await messages.write(session, scene.order, scene.case.kind, said, key=_key(scene, rule))


async def _replenish(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    """Tells whoever follows, and the station's own address, what is missing."""
    order = scene.order
    missing = order.quantity - order.delivered_quantity
    if not missing or not await _is_first(session, scene, rule, Result.DONE, units=missing):
        return
    await outbox.record(session, ReplenishmentWanted(order.product_id, order.good_id, missing, order.no))
    await messages.hook(session, "replenishment", order.no, f"{order.product_name} × {missing}")


async def _offer(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    try:
        swap = await swaps.offer(session, scene.case, scene.order)
    except (NoEquivalent, OfferedAlready):
        await _is_first(session, scene, rule, Result.NOTHING)
        return
    if not await _is_first(session, scene, rule, Result.DONE, product=swap.product_name):
        return
    values = await messages.variables(
        session,
        scene.tenant,
        scene.base_url,
        scene.order,
        has_money=True,
        offer=swap.product_name,
        cents=swap.total_cents,
    )
    said = messages.filled_in(texts.template_of(rule), values, scene.order.no)
    if said:
        await messages.write(session, scene.order, "offer", said, key=_key(scene, rule))


async def _refund(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    order = scene.order
    left_cents = order.total_cents - order.refunded_cents
    if rule.most_cents is not None and left_cents > rule.most_cents:
        await _is_first(session, scene, rule, Result.TOO_MUCH, amount_cents=left_cents)
        await service.want_person(session, scene.case)
        return
    try:
        async with session.begin_nested():
            ended = await orders.end_part(session, order.id, "by_rule")
    except UnderWay:
        await service.note(
            session, scene.case, rule.action, Result.UNDER_WAY, rule_id=rule.id, key=f"{_key(scene, rule)}:waits"
        )
        await outbox.record(session, RuleDue(scene.case.id, rule.id), delay=AGAIN)
        return
    await _is_first(session, scene, rule, Result.DONE if ended else Result.NOTHING, amount_cents=left_cents)


async def _ask_person(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    if await _is_first(session, scene, rule, Result.DONE):
        await service.want_person(session, scene.case)
        await notices.tell(session, "case_opened", scene.order.no, about=scene.case.kind, case=str(scene.case.id))


async def _on_the_wire(session: AsyncSession, scene: Scene, rule: Rule) -> None:
    """Followed: `tasks.run_rule`."""
    await outbox.record(session, RuleDue(scene.case.id, rule.id))


async def _is_first(session: AsyncSession, scene: Scene, rule: Rule, result: Result, **detail: object) -> bool:
    return await service.note(
        session, scene.case, rule.action, result, rule_id=rule.id, detail=detail, key=_key(scene, rule)
    )


async def supplier_asked(session: AsyncSession, case: Case, rule: Rule, result: Result) -> None:
    """What came of asking another supplier."""
    await service.note(session, case, rule.action, result, rule_id=rule.id, key=f"rule:{rule.id}")


def _key(scene: Scene, rule: Rule) -> str:
    """Money that arrives after a case was opened is told of once more."""
    late = ":money" if scene.case.cause == "paid_late" else ""
    return f"rule:{rule.id}{late}"


def is_over(case: Case) -> bool:
    """Whether the case has outlived what rules are for."""
    return not case.is_open or clock.now() - case.opened_at > timedelta(days=30)


ACTS: dict[Action, Callable[[AsyncSession, Scene, Rule], Awaitable[None]]] = {
    Action.MESSAGE: _tell,
    Action.REPLENISH: _replenish,
    Action.EQUIVALENT: _offer,
    Action.REFUND: _refund,
    Action.PERSON: _ask_person,
    Action.NEXT_SUPPLIER: _on_the_wire,
}
