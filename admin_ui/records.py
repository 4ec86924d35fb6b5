"""The audit log as both consoles show it."""

from collections.abc import Mapping
from typing import Any

from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.frame import AnyRequest, page
from kameng.audit import queries
from kameng.core.money import format_cents
from kameng.web import paging
from tenants.registry import queries as registry

SIZE = 50


async def show(request: AnyRequest, session: AsyncSession, *, is_master: bool = False) -> Template:
    """The newest lines that the session may read, `?before=` for older ones; at the master all."""
    asked = paging.wanted(request)
    before = asked.get("before")
    is_number = before.isascii() and before.isdigit() and len(before) < 19
    entries = await queries.recent(
        session, before=int(before) if is_number else None, limit=SIZE + 1, search=asked.search
    )
    places = {entry.tenant_id for entry in entries if entry.tenant_id is not None}
    return page(
        request,
        "admin/audit.html",
        entries=entries[:SIZE],
        older=entries[SIZE - 1].id if len(entries) > SIZE else None,
        asked=asked,
        stations=await registry.names(session, list(places)) if is_master else None,
        detail=detail,
    )


def detail(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a line says beside its subject: names and values in words."""
    return [(words.say("detail", name), _text(name, value)) for name, value in kept.items()]


def _text(name: str, value: Any) -> str:
    if name.endswith("_cents") and isinstance(value, int):
        return format_cents(value)
    if name in ("role", "role_before"):
        return words.say("role", str(value))
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return str(value)
