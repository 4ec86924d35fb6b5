"""From what an operator has written to a change of prices that can be looked at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest
from billing.wholesale import change_queries, changes
from billing.wholesale.change_lines import Line, Value
from kameng.audit import service as audit
from kameng.infra.runtime import Runtime
from kameng.web import answers
from kameng.web.i18n import gettext
from kameng.web.pages import when, yuan
from kameng.web.people import Staff
from tenants.margins import service as margins

Reason = Annotated[str, Meta(min_length=3, max_length=200)]
MOST_NAMED = 10


class Shown(Struct, frozen=True):
    """A line of a change or of the history in words."""

    what: str
    before: str
    after: str


async def look_at(
    request: AnyRequest,
    runtime: Runtime,
    staff: Staff,
    lines: Sequence[Line],
    source: str,
    reason: str,
    *,
    allows_loss: bool = False,
    reverts: int | None = None,
) -> Response[Any]:
    """Drafts a change, compares it with what stations sell for, and leads to its page. Raises what `changes.draft`
    does."""
    async with runtime.database.master_session() as session:
        if reverts is None:
            change_id = await changes.draft(
                session, lines, source=source, reason=reason, by=staff.name, allows_loss=allows_loss
            )
        else:
            change_id = await changes.revert(session, reverts, reason, staff.name, allows_loss=allows_loss)
        is_soon = await margins.look(session, change_id)
        drafted = await change_queries.lines(session, change_id)
        detail = {"reason": reason, "lines": len(drafted)}
        await audit.record(session, staff.name, "prices.draft", str(change_id), detail, staff.address)
    if is_soon:
        await margins.preview(runtime.database, change_id)
    answers.toast(request, gettext("Nothing has changed yet: look at what it does, then apply it."), "info")
    return answers.redirect(request, f"/price-changes/{change_id}")


def in_words(row: Any) -> Shown:
    """A row of `change_queries.LINES` or `HISTORY`."""
    line = change_queries.shown(row)
    if line.kind == "default":
        what = gettext("Default rule of %(tier)s", tier=line.tier or "")
    elif line.kind == "floor":
        what = gettext("Minimum resale of %(good)s", good=line.good or "")
    elif line.kind == "special":
        what = gettext("Special price of %(station)s for %(good)s", station=line.station or "", good=line.good or "")
    else:
        what = gettext("%(good)s in %(tier)s", good=line.good or "", tier=line.tier or "")
    return Shown(what, value_text(line.kind, line.before), value_text(line.kind, line.after))


def value_text(kind: str, value: Value | None) -> str:
    """A price as people read it."""
    if value is None:
        return {"tier": gettext("Not offered"), "special": gettext("No special price")}.get(kind, gettext("None"))
    if kind == "default":
        return value.rule or gettext("None")
    parts: list[str] = []
    if value.price is not None:
        parts.append(yuan(value.price))
    if kind == "tier" and value.rule:
        parts.append(gettext("by default: %(rule)s", rule=value.rule) if value.is_default else value.rule)
    if value.floor is not None:
        parts.append(gettext("resale from %(floor)s", floor=yuan(value.floor)))
    if kind == "special":
        parts.append(period_text(value.starts, value.ends))
    return " · ".join(parts) or gettext("None")


def period_text(starts: datetime | None, ends: datetime | None) -> str:
    """`from 2026-01-01 00:00 to 2026-02-01 00:00`."""
    begins = when(starts) or gettext("at once")
    if ends is None:
        return gettext("from %(starts)s on", starts=begins)
    return gettext("from %(starts)s to %(ends)s", starts=begins, ends=when(ends))


async def named(session: Any, change_id: int) -> list[str]:
    """The first lines of a change in words, for the audit log: `what: before → after`."""
    rows = (await session.execute(change_queries.FIRST_LINES, {"id": change_id, "limit": MOST_NAMED})).all()
    return [f"{one.what}: {one.before} → {one.after}" for one in map(in_words, rows)]
