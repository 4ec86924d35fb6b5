"""Exports in the background: some parts at a time, so that no worker is kept by one of them. Shells."""

import time

from admin_ui.lists.registry import SOURCES
from admin_ui.lists.source import Asked
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from kameng.web import i18n
from tenants.lists import exports
from tenants.lists.exports import ExportAsked, ExportKept

PART = 5_000  # rows
TURN_S = 3.0  # before the relay takes the message for lost


@follows(ExportAsked, queue="exports")
async def make_export(event: ExportAsked, tenant: Tenant, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    """Parts for some seconds; the rest comes by the next event."""
    until = time.monotonic() + TURN_S
    while await _next_part(tenant, event.export_id, is_last=time.monotonic() >= until):
        pass


@follows(ExportKept, queue="exports")
async def forget_export(event: ExportKept, tenant: Tenant, runtime: Runtime) -> None:  # noqa: ARG001
    async with tenant.begin() as session:
        await exports.forget(session, event.export_id)


async def _next_part(tenant: Tenant, export_id: int, *, is_last: bool) -> bool:
    """Whether to go on."""
    async with tenant.begin() as session:
        held = await exports.hold(session, export_id)
        if held is None:
            return False
        i18n.use(held.locale, tenant.time_zone)
        source = SOURCES[held.list]
        limit = min(PART, exports.MOST_ROWS - held.done)
        rows, after = await source.read(session, Asked(held.query, held.staff_id), held.after, limit)
        if held.done + len(rows) >= exports.MOST_ROWS:
            after = ""
        chosen = source.columns_for(sees_money=held.sees_money)
        await exports.put(session, held, [[row[one] for one in chosen] for row in rows], after, again=is_last)
    return bool(after) and not is_last
