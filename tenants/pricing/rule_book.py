"""Writing rules. Tenant session; the caller audits."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid
from kameng.infra import outbox
from kameng.infra.db import sqlstate
from kameng.infra.outbox import Event
from tenants.pricing import queries, runs, settings
from tenants.pricing.errors import RuleGone, RuleThere
from tenants.pricing.rules import Kind, Rule, Terms

UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION = "23505", "23503"
MOST_MARGIN = Decimal(90)

ADD = text(
    """
    INSERT INTO price_rules (product_id, category_id, kind, terms, is_automatic)
    VALUES (:product_id, :category_id, :kind, CAST(:terms AS jsonb), :is_automatic) RETURNING id
    """
)
CHANGE = text(
    "UPDATE price_rules SET kind = :kind, terms = CAST(:terms AS jsonb), is_automatic = :is_automatic,"
    " changed_at = now() WHERE id = :id AND (kind = 'leave' AND product_id IS NOT NULL) = false"
)
PAUSE = text("UPDATE price_rules SET is_paused = :paused, changed_at = now() WHERE id = :id")
REMOVE = text("DELETE FROM price_rules WHERE id = :id")
PIN = text(
    "INSERT INTO price_rules (product_id, kind) SELECT id, 'leave' FROM products WHERE id = :id ON CONFLICT DO NOTHING"
)
UNPIN = text("DELETE FROM price_rules WHERE product_id = :id AND kind = 'leave'")


class RunDue(Event, frozen=True):
    """A scheduled run is due; of an older `turn` it is not followed any more."""

    turn: int


class RuleDraft(Struct, frozen=True, kw_only=True):
    """A rule as its owner writes it: of a product, a category, or the whole shop."""

    product_id: int | None = None
    category_id: int | None = None
    kind: Kind
    terms: Terms
    is_automatic: bool = False


async def add(session: AsyncSession, draft: RuleDraft) -> Rule:
    """Raises `Invalid`, `RuleThere`."""
    _check(draft)

    async def write() -> int:
        try:
            return int((await session.execute(ADD, _columns(draft))).scalar_one())
        except IntegrityError as error:
            if sqlstate(error) == UNIQUE_VIOLATION:
                raise RuleThere from error
            if sqlstate(error) == FOREIGN_KEY_VIOLATION:
                raise Invalid({"scope": "Choose one of the list."}) from error
            raise

    rule_id = await _write(session, write)
    return await queries.rule(session, rule_id)


async def change(session: AsyncSession, rule_id: int, draft: RuleDraft) -> Rule:
    """What it is of stays. Raises `RuleGone`, `Invalid`."""
    _check(draft)

    async def write() -> None:
        await _one(session, CHANGE, {"id": rule_id, **_columns(draft)})

    await _write(session, write)
    return await queries.rule(session, rule_id)


async def pause(session: AsyncSession, rule_id: int, *, paused: bool) -> Rule:
    """A paused rule prices nothing; the next wider one does. Raises `RuleGone`."""
    await _write(session, lambda: _one(session, PAUSE, {"id": rule_id, "paused": paused}))
    return await queries.rule(session, rule_id)


async def remove(session: AsyncSession, rule_id: int) -> Rule:
    """Prices stay as they are. Raises `RuleGone`."""
    rule = await queries.rule(session, rule_id)
    await _write(session, lambda: _one(session, REMOVE, {"id": rule_id}))
    return rule


async def pin(session: AsyncSession, product_id: int, *, pinned: bool) -> None:
    """Leaves a product's price alone, or lets its rule price it again."""
    await _write(session, lambda: session.execute(PIN if pinned else UNPIN, {"id": product_id}))


async def begin_turns(session: AsyncSession, every_min: int | None = None) -> None:
    """Has runs happen from now on at this station's pace; whatever was due before is dropped."""
    turn = await settings.next_turn(session)
    if every_min is not None:
        await outbox.record(session, RunDue(turn))


async def _write(session: AsyncSession, write: Callable[[], Any]) -> Any:
    """Writes, releases what no rule governs any more, and starts or ends the station's scheduled runs."""
    await settings.take_turn(session)
    had, before = await queries.has_rules(session), await runs.governed(session)
    result = await write()
    await runs.release_floors(session, sorted(before - await runs.governed(session)))
    has = await queries.has_rules(session)
    if has != had:
        await begin_turns(session, (await settings.read(session)).every_min if has else None)
    return result


async def _one(session: AsyncSession, statement: Any, values: dict[str, Any]) -> None:
    done = await session.execute(statement, values)
    if getattr(done, "rowcount", 0) != 1:
        raise RuleGone


def _check(draft: RuleDraft) -> None:
    """Raises `Invalid`."""
    terms = draft.terms
    if draft.product_id is not None and draft.kind == "leave":
        raise Invalid({"kind": "To leave one product alone, pin it."})
    if max(terms.margin, terms.least_margin) > MOST_MARGIN:
        raise Invalid({"margin" if terms.margin > MOST_MARGIN else "least_margin": "This leaves no price to sell at."})
    if draft.kind == "keep_margin" and terms.margin < terms.least_margin:
        raise Invalid({"margin": "This is less than the least margin."})
    if draft.kind == "follow" and terms.mode == "undercut" and terms.by_percent and terms.by > MOST_MARGIN:
        raise Invalid({"off": "This is too much off the competitor's price."})


def _columns(draft: RuleDraft) -> dict[str, Any]:
    return {
        "product_id": draft.product_id,
        "category_id": draft.category_id,
        "kind": draft.kind,
        "terms": msgspec.json.encode(draft.terms).decode(),
        "is_automatic": draft.is_automatic,
    }
