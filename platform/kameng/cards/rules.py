"""The format of each item's lines."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.formats import Rule

FIND = text("SELECT rule FROM card_formats WHERE item_id = :item_id")
SET = text(
    "INSERT INTO card_formats (item_id, rule, changed_by) VALUES (:item_id, CAST(:rule AS jsonb), :by)"
    " ON CONFLICT (item_id) DO UPDATE SET rule = excluded.rule, changed_by = excluded.changed_by, changed_at = now()"
)


async def find(session: AsyncSession, item_id: int) -> Rule:
    """What was set, or a rule that takes every line as it is."""
    found = (await session.execute(FIND, {"item_id": item_id})).scalar_one_or_none()
    return msgspec.convert(found, Rule) if found is not None else Rule()


async def change(session: AsyncSession, item_id: int, rule: Rule, by: str) -> None:
    """Raises `Invalid`. Imports that are under way go on with the rule that they began with."""
    rule.check()
    await session.execute(SET, {"item_id": item_id, "rule": msgspec.json.encode(rule).decode(), "by": by})
