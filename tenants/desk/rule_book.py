"""The rules as their owner arranges them. Tenant session; the caller audits."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.infra import wording
from tenants.desk import queries, texts
from tenants.desk.conditions import Condition
from tenants.desk.errors import TooManyRules
from tenants.desk.models import Rule
from tenants.desk.states import SPEAKING, Action, Kind

MOST = 50
STEP = 10  # between two places, so that a new one fits

COUNT = text("SELECT count(*), coalesce(max(position), 0) FROM desk_rules")
PLACE = text("UPDATE desk_rules SET position = :position WHERE id = :id")
DELETE = text("DELETE FROM desk_rules WHERE id = :id")


class RuleDraft(Struct, frozen=True, kw_only=True):
    """A rule as it is written. `most_cents` is the most that a refund gives back."""

    name: str
    condition: Condition
    action: Action
    after_minutes: int = 0
    due_minutes: int = 30
    most_cents: int | None = None
    text: str = ""

    def check(self) -> None:
        """Raises `Invalid`, `BadWording` at the field."""
        if not self.condition.kinds or not set(self.condition.kinds) <= {str(kind) for kind in Kind}:
            raise Invalid({"kinds": "Choose at least one kind of case."})
        least, most = self.condition.least_cents, self.condition.most_cents
        if least is not None and most is not None and least > most:
            raise Invalid({"most": "This is less than the amount before it."})
        if self.action in SPEAKING and not self.text:
            raise Invalid({"text": "Write what the buyer is told."})
        wording.check(self.text, texts.VARIABLES.keys(), limit=texts.LONGEST)


def condition_of(rule: Rule) -> Condition:
    return msgspec.convert(rule.condition, Condition)


async def add(session: AsyncSession, draft: RuleDraft) -> Rule:
    """Writes a rule down, last and off: it is tried out before it works. Raises `Invalid`, `BadWording`,
    `TooManyRules`."""
    draft.check()
    count, last = (await session.execute(COUNT)).one()
    if count >= MOST:
        raise TooManyRules(most=MOST)
    rule = Rule(position=last + STEP, **_values(draft))
    session.add(rule)
    await session.flush()
    return rule


async def change(session: AsyncSession, rule_id: int, draft: RuleDraft) -> dict[str, Any]:
    """Returns what it was, for the log. A ready-made text that is left as it was stays the program's. Raises
    `RuleGone`, `Invalid`, `BadWording`."""
    draft.check()
    rule = await queries.rule(session, rule_id, lock=True)
    before = told(rule)
    is_ready_text = rule.ready and draft.text == texts.template_of(rule) and not rule.text
    is_ready_name = rule.ready and draft.name == texts.name_of(rule) and not rule.name
    values = _values(draft) | ({"text": ""} if is_ready_text else {}) | ({"name": ""} if is_ready_name else {})
    for name, value in values.items():
        setattr(rule, name, value)
    rule.changed_at = clock.now()
    await session.flush()
    return before


def _values(draft: RuleDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "condition": msgspec.to_builtins(draft.condition),
        "action": str(draft.action),
        "after_minutes": draft.after_minutes,
        "due_minutes": draft.due_minutes,
        "most_cents": draft.most_cents if draft.action is Action.REFUND else None,
        "text": draft.text if draft.action in SPEAKING else "",
    }


async def switch(session: AsyncSession, rule_id: int, *, on: bool) -> Rule:
    """Raises `RuleGone`. Cases that are open already are left to the rules they were opened under."""
    rule = await queries.rule(session, rule_id, lock=True)
    rule.state = "on" if on else "off"
    await session.flush()
    return rule


async def move(session: AsyncSession, rule_id: int, *, up: bool) -> Rule:
    """One place up or down. Raises `RuleGone`."""
    moved = await queries.rule(session, rule_id, lock=True)
    order = [rule.id for rule in await queries.rules(session)]
    place = order.index(rule_id)
    other = max(0, place - 1) if up else min(len(order) - 1, place + 1)
    order[place], order[other] = order[other], order[place]
    for number, one in enumerate(order, start=1):
        await session.execute(PLACE, {"id": one, "position": number * STEP})
    return moved


async def delete(session: AsyncSession, rule_id: int) -> dict[str, Any]:
    """Returns what it was. Raises `RuleGone`."""
    before = told(await queries.rule(session, rule_id, lock=True))
    await session.execute(DELETE, {"id": rule_id})
    return before


def told(rule: Rule) -> dict[str, Any]:
    """A rule for the log."""
    return {
        "name": texts.name_of(rule),
        "action": rule.action,
        "kinds": list(rule.condition["kinds"]),
        "after_minutes": rule.after_minutes,
        "state": rule.state,
        "text": rule.text,
    }
