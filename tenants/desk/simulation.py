"""What other rules would have done with the cases of the last 30 days. Nothing is changed.

What would have happened is not known, so only what is sure counts as solved: a case that ended by itself and that
nobody touched; and one in which a rule would have given the money back before a person was asked for, while no
supplier was at work. Messages solve nothing. Asking another supplier counts where it was asked, and delivered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, convert
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from tenants.desk import queries, rule_book, settings
from tenants.desk.conditions import Condition, Facts
from tenants.desk.models import Rule
from tenants.desk.settings import Settings
from tenants.desk.states import Action

DAYS = 30
MOST = 5000

CASES = text(
    """
    SELECT c.kind, c.facts, c.opened_at, c.solved_at, c.state, c.touched_at, o.total_cents, c.solution,
           EXISTS (SELECT 1 FROM desk_lines l WHERE l.case_id = c.id AND l.result = 'under_way') AS was_under_way,
           EXISTS (SELECT 1 FROM desk_lines l WHERE l.case_id = c.id AND l.act = 'next_supplier' AND l.actor = ''
                   AND l.result = 'done') AS was_supplied
    FROM desk_cases c JOIN orders o ON o.id = c.order_id
    WHERE c.opened_at >= :since AND c.has_money ORDER BY c.opened_at DESC LIMIT :limit
    """
)


class Outcome(Struct, frozen=True):
    """Of `cases`: solved without a person; and how many orders, worth how much, would have been paid back by rule."""

    cases: int
    solved: int
    refunds: int
    refunded_cents: int


class Plan(Struct, frozen=True):
    """A rule as far as the simulation goes."""

    condition: Condition
    action: str
    after: timedelta
    most_cents: int | None


class Trial(Struct, frozen=True):
    """As it is now, and as it would be; by kind with the change."""

    now: Outcome
    then: Outcome
    kinds: Mapping[str, tuple[Outcome, Outcome]]


async def of_switch(session: AsyncSession, rule_id: int, *, on: bool) -> Trial:
    """Against the rules of now. Raises `RuleGone`."""
    await queries.rule(session, rule_id)
    rules = await queries.rules(session)
    before = [rule for rule in rules if rule.is_on]
    after = [rule for rule in rules if (on if rule.id == rule_id else rule.is_on)]
    return await compare(session, before, after)


async def compare(session: AsyncSession, before: Sequence[Rule], after: Sequence[Rule]) -> Trial:
    since = clock.now() - timedelta(days=DAYS)
    cases = (await session.execute(CASES, {"since": since, "limit": MOST})).all()
    plan = await settings.read(session)
    first, second = _plans(before), _plans(after)
    kinds = sorted({case.kind for case in cases})
    parted = {kind: [case for case in cases if case.kind == kind] for kind in kinds}
    return Trial(
        now=outcome(cases, first, plan),
        then=outcome(cases, second, plan),
        kinds={kind: (outcome(some, first, plan), outcome(some, second, plan)) for kind, some in parted.items()},
    )


def _plans(rules: Sequence[Rule]) -> list[Plan]:
    return [
        Plan(rule_book.condition_of(rule), rule.action, timedelta(minutes=rule.after_minutes), rule.most_cents)
        for rule in rules
    ]


def outcome(cases: Sequence[Any], rules: Sequence[Plan], plan: Settings) -> Outcome:
    """Pure."""
    ends = [_end(case, rules, plan) for case in cases]
    paid_back = [case.total_cents for case, end in zip(cases, ends, strict=True) if end == "refund"]
    return Outcome(len(cases), sum(end != "" for end in ends), len(paid_back), sum(paid_back))


def _end(case: Any, rules: Sequence[Plan], plan: Settings) -> str:
    """What would have solved the case without a person: `itself`, `supplier`, `refund`, or nothing."""
    facts = convert(case.facts, Facts)
    fitting = [rule for rule in rules if rule.condition.fits(facts)]
    person_at: datetime = case.opened_at + min(
        (rule.after for rule in fitting if rule.action == Action.PERSON), default=timedelta(minutes=plan.person_minutes)
    )
    ended_at = case.solved_at if case.solved_at and case.touched_at is None and case.solution != "refunded" else None
    refund_at = min((case.opened_at + rule.after for rule in fitting if _pays_back(rule, case)), default=None)
    asks = any(rule.action == Action.NEXT_SUPPLIER for rule in fitting)
    if case.was_supplied and not asks:
        ended_at = None
    if ended_at is not None and (refund_at is None or ended_at <= refund_at):
        return "supplier" if case.was_supplied else "itself"
    if refund_at is not None and refund_at < person_at:
        return "refund"
    return ""


def _pays_back(rule: Plan, case: Any) -> bool:
    if rule.action != Action.REFUND or case.was_under_way:
        return False
    return rule.most_cents is None or case.total_cents <= rule.most_cents
