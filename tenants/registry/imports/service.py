"""Keeping a checked file, and opening its stations. Idempotent by line: see `station_import_lines` in 0007_pool.sql."""

from collections.abc import Mapping, Sequence

import msgspec
import psycopg
import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Conflict, Invalid
from kameng.infra import outbox
from kameng.infra.db import cause
from kameng.infra.runtime import Runtime
from kameng.web.i18n import N_
from tenants.registry import provisioning
from tenants.registry.events import ImportStarted
from tenants.registry.imports import queries
from tenants.registry.provisioning import By, Invitee, Provisioner
from tenants.registry.service import TenantDraft

log = structlog.get_logger()

BATCH = 20  # some two seconds, so that an event is done before the relay sends it again
FAILED = N_("This line could not be opened. Nothing was made of it.")

ADD = text("INSERT INTO station_imports (file_name, by_name, by_address) VALUES (:file, :name, :address) RETURNING id")
ADD_LINE = text(
    "INSERT INTO station_import_lines (import_id, line, cells, draft, owner, deposit_cents, state, errors)"
    " VALUES (:id, :line, CAST(:cells AS jsonb), CAST(:draft AS jsonb), CAST(:owner AS jsonb), :deposit_cents, :state,"
    " CAST(:errors AS jsonb))"
)
START = text("UPDATE station_imports SET started_at = now() WHERE id = :id AND started_at IS NULL RETURNING id")
OPENED = text(
    "UPDATE station_import_lines SET state = 'opened', tenant_id = :tenant_id WHERE import_id = :id AND line = :line"
)
REFUSED = text(
    "UPDATE station_import_lines SET state = 'refused', errors = CAST(:errors AS jsonb)"
    " WHERE import_id = :id AND line = :line AND state = 'waiting'"
)
FINISH = text(
    "UPDATE station_imports SET finished_at = now() WHERE id = :id AND finished_at IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM station_import_lines WHERE import_id = :id AND state = 'waiting')"
)


class Line(Struct, frozen=True, kw_only=True):
    """A line of the file, checked. `cells` is what stood there by column; without `draft` it is refused, and `errors`
    says why, by column."""

    number: int
    cells: Mapping[str, str]
    draft: TenantDraft | None
    owner: Invitee | None = None
    deposit_cents: int = 0
    errors: Mapping[str, str] = {}


class _Refused(Exception):
    """What stands in the way of a line, by column."""

    def __init__(self, line: int, errors: Mapping[str, str]) -> None:
        super().__init__(line, errors)
        self.line = line
        self.errors = errors


async def add(session: AsyncSession, file_name: str, by: By, lines: Sequence[Line]) -> int:
    """Keeps a checked file and returns its number. Nothing is opened yet."""
    name = "".join(sign for sign in file_name if sign.isprintable())
    values = {"file": name, "name": by.name, "address": by.address}
    import_id = int((await session.execute(ADD, values)).scalar_one())
    await session.execute(
        ADD_LINE,
        [
            {
                "id": import_id,
                "line": line.number,
                "cells": _json(line.cells),
                "draft": _json(line.draft) if line.draft else None,
                "owner": _json(line.owner) if line.owner else None,
                "deposit_cents": line.deposit_cents,
                "state": "waiting" if line.draft else "refused",
                "errors": _json(line.errors),
            }
            for line in lines
        ],
    )
    return import_id


async def start(session: AsyncSession, import_id: int) -> bool:
    """Has the lines that can be opened be opened. False when that was said before. Raises `ImportGone`."""
    await queries.find(session, import_id)
    is_new = (await session.execute(START, {"id": import_id})).scalar_one_or_none() is not None
    if is_new:
        await outbox.record(session, ImportStarted(import_id))
    return is_new


async def open_some(runtime: Runtime, provisioner: Provisioner, import_id: int) -> None:
    """Opens some lines, and sends for the rest. May be killed anywhere and run several times at once: a line and its
    station are one commit. Raises `ImportGone`, `CannotProvision`."""
    async with runtime.database.master_session() as session:
        waiting = (await queries.find(session, import_id)).waiting
    if waiting and runtime.settings.admin_url:
        await provisioner.fill(min(waiting, BATCH))
    for _ in range(BATCH):
        if not await _open_next(runtime, provisioner, import_id):
            break
    async with runtime.database.master_session() as session:
        await session.execute(FINISH, {"id": import_id})
        if (await queries.find(session, import_id)).waiting:
            await outbox.record(session, ImportStarted(import_id))
    runtime.directory.forget()


async def _open_next(runtime: Runtime, provisioner: Provisioner, import_id: int) -> bool:
    """False when no line is left that nobody is at."""
    try:
        async with runtime.database.master_session() as session:
            return await _open_line(session, runtime, provisioner, import_id)
    except _Refused as refused:
        async with runtime.database.master_session() as session:
            values = {"id": import_id, "line": refused.line, "errors": _json(refused.errors)}
            await session.execute(REFUSED, values)
        return True


async def _open_line(session: AsyncSession, runtime: Runtime, provisioner: Provisioner, import_id: int) -> bool:
    """Raises `_Refused`, so that nothing of the line is committed."""
    one = await queries.next_waiting(session, import_id)
    if one is None:
        return False
    file = await queries.find(session, import_id)
    by = By(file.by_name, file.by_address)
    try:
        await provisioning.check(session, runtime.settings, one.draft, one.owner)
        tenant_id = await provisioner.claim(session)
        await session.execute(OPENED, {"id": import_id, "line": one.line, "tenant_id": tenant_id})
        await provisioning.place(
            session, runtime, provisioner, one.draft, one.owner, one.deposit_cents, by, claimed=tenant_id
        )
    except Invalid as error:
        raise _Refused(one.line, error.errors) from None
    except Conflict as error:
        raise _Refused(one.line, {error.field or "": error.message}) from None
    except (DataError, IntegrityError, psycopg.DataError, psycopg.IntegrityError) as error:
        log.warning("line_not_opened", file=import_id, line=one.line, why=str(cause(error)))
        raise _Refused(one.line, {"": FAILED}) from None
    return True


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
