"""Brings the master and every tenant to the newest version. What is current is skipped by one query.

First the canary: should it fail, nobody else is touched. Then waves, each larger than the one before. A schema is one
transaction under a short lock timeout, so one that fails keeps its version and stops nobody else; it is written down,
and can be run again. A run that was killed is simply run again.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field
from psycopg import AsyncConnection, Error, OperationalError, sql

from deploy.migrations.history import HERE, Migration, load
from deploy.migrations.journal import Journal
from deploy.migrations.schemas import StepFailed, Target, bring_up, migrate_master
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import Roles, roles_of
from kameng.infra.settings import Settings
from tenants.registry.versions import LOCK

WAVES = (1, 10, 100)  # and then the rest
WORKERS = 3
RECYCLE_AFTER = 200  # schemas: a backend keeps what it knows of each table it has touched
ATTEMPTS = 5
PATIENCE_S = 0.2  # before the second attempt; twice that before the third, and so on; give or take a half
LEAST_STOPPING = 10  # a wave of so many ...
STOPPING_SHARE = 0.5  # ... in which more than so many fail is the last one
STRAGGLER_ROUNDS = 3
PROGRESS_EVERY_S = 0.5

KNOWN = """
    SELECT to_regclass('master.pooled_schemas') IS NOT NULL, EXISTS (
        SELECT FROM information_schema.columns
        WHERE table_schema = 'master' AND table_name = 'tenants' AND column_name = 'is_canary'
    )
"""
# The canaries are those that are marked; without any, the lowest-numbered tenant that is open.
BEHIND = """
    SELECT t.id, t.version, false AS is_pooled, t.id = ANY (coalesce(c.marked, c.first)) AS is_canary
    FROM master.tenants t, (
        SELECT array_agg(id) FILTER (WHERE {is_canary}) AS marked,
            ARRAY[min(id) FILTER (WHERE state = 'active')] AS first
        FROM master.tenants WHERE state <> 'closed'
    ) c
    WHERE t.version < %(newest)s AND t.state <> 'closed' {only_failed}
"""
POOL_BEHIND = "UNION ALL SELECT t.id, t.version, true, false FROM master.pooled_schemas t WHERE t.version < %(newest)s"
ONLY_FAILED = "AND EXISTS (SELECT FROM master.migration_failures f WHERE f.tenant_id = t.id)"

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


class Report(Struct):
    """What a run did: versions applied to the master, schemas brought up, those that failed with why, and why it
    stopped before the end, if it did. `pooled` are counted among `tenants`."""

    master: list[str] = field(default_factory=list)
    tenants: int = 0
    pooled: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    stopped: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """What a run would do: files for the master, the canary's schemas, the sizes of the waves after it."""

    master: list[str]
    canary: list[int]
    waves: list[int]
    target: int


class Known(Struct, frozen=True):
    """What this database's master has: a dry run may meet an older one."""

    has_pool: bool
    has_canaries: bool


class Behind(Struct, frozen=True):
    """What is to be done: the canaries, tried before all others, and the others."""

    canary: list[Target]
    others: list[Target]

    @property
    def total(self) -> int:
        return len(self.canary) + len(self.others)


async def migrate(
    settings: Settings,
    progress: Progress | None = None,
    *,
    folder: Path = HERE,
    canary_only: bool = False,
    retry: bool = False,
    say: Say | None = None,
) -> Report:
    """Runs both histories of `folder`. `progress(done, total)` counts schemas; `say` is told when another run is under
    way, which is waited for. `canary_only` ends after the canary; `retry` is for those only that failed before.

    Raises `SettingsError` without the administrator's address, `StepFailed` when the master's schema fails.
    """
    roles, history = roles_of(settings), load("tenant", folder)
    report = Report()
    async with admin_connection(settings) as connection:
        await _lock(connection, say)
        await _prepare(connection, roles, login_of(settings.database_url))
        await _migrate_master(connection, roles, load("master", folder), report)
        known = await _known(connection)
        journal = Journal(connection, roles)
        await journal.tidy(len(history), has_pool=known.has_pool)
        behind = await _behind(connection, roles, len(history), known, only_failed=retry)
        if behind.total == 0:
            return report
        run = _Run(settings, roles, history, journal, report, progress)
        await journal.begin(len(history), behind.total)
        if progress is not None:
            progress(0, behind.total)
        try:
            await run.all_waves(behind, canary_only=canary_only)
            for _ in range(0 if report.stopped or canary_only or retry else STRAGGLER_ROUNDS):
                late = await _behind(connection, roles, len(history), known)
                new = [target for target in (*late.canary, *late.others) if target.id not in run.tried]
                if not new:
                    break
                journal.wanted += len(new)
                await run.wave(new)
        except BaseException as error:
            report.stopped = report.stopped or f"{type(error).__name__}: {error}".partition("\n")[0]
            raise
        finally:
            if not connection.broken:
                await journal.end(report.stopped)
    return report


async def plan(settings: Settings, *, folder: Path = HERE) -> Plan:
    """What `migrate` would do now; changes nothing. Raises `SettingsError`."""
    masters, history = load("master", folder), load("tenant", folder)
    async with admin_connection(settings) as connection:
        roles = roles_of(settings)
        exists = await connection.execute("SELECT to_regclass('master.migrations') IS NOT NULL")
        (is_there,) = await exists.fetchone() or (False,)
        if not is_there:
            return Plan(master=[one.name for one in masters], canary=[], waves=[], target=len(history))
        async with connection.transaction():
            await become_owner(connection, roles)
            applied = await _applied(connection)
            behind = await _behind(connection, roles, len(history), await _known(connection))
    return Plan(
        master=[one.name for one in masters if one.version not in applied],
        canary=[target.id for target in behind.canary],
        waves=[len(wave) for wave in waves_of(behind)],
        target=len(history),
    )


def waves_of(behind: Behind) -> list[list[Target]]:
    """Those after the canary. Without one to try it on, the first wave is of one."""
    sizes = list(WAVES[1:] if behind.canary else WAVES)
    waves, rest = [], behind.others
    while rest:
        size = sizes.pop(0) if sizes else len(rest)
        waves.append(rest[:size])
        rest = rest[size:]
    return waves


def login_of(url: str) -> str:
    """The role that a database address logs in as."""
    return unquote(urlsplit(url).username or "")


async def _lock(connection: AsyncConnection, say: Say | None) -> None:
    """Held until the connection ends, however it ends."""
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])).fetchone()
    if row == (True,):
        return
    if say is not None:
        say("Another migration is under way; waiting for it.")
    await connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])


async def _prepare(connection: AsyncConnection, roles: Roles, login: str) -> None:
    """Roles, the schema `master` and its table of versions; all harmless when they are there."""
    async with connection.transaction():
        existing = {row[0] for row in await (await connection.execute("SELECT rolname FROM pg_roles")).fetchall()}
        for role in (roles.owner, roles.master, roles.tenants):
            if role not in existing:
                await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        await connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(roles.owner)))
        await grant_to_login(connection, roles.master, login)
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        # A temporary table stays on its connection and stands before every other of its name, for whoever comes next.
        await connection.execute(
            sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(roles.database))
        )
        await connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS master AUTHORIZATION {}").format(sql.Identifier(roles.owner))
        )
        await become_owner(connection, roles)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS master.migrations (version int PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        await connection.execute(
            sql.SQL("GRANT SELECT ON master.migrations TO {}").format(sql.Identifier(roles.master))
        )


async def grant_to_login(connection: AsyncConnection, role: str, login: str) -> None:
    """Lets the application take `role` by SET ROLE. Where PostgreSQL can say so (16 and later) it does not inherit it;
    before that the login must be NOINHERIT, which `kameng doctor` checks."""
    options = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    await connection.execute(sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), sql.Identifier(login)))


async def _applied(connection: AsyncConnection) -> set[int]:
    return {row[0] for row in await (await connection.execute("SELECT version FROM master.migrations")).fetchall()}


async def _migrate_master(
    connection: AsyncConnection, roles: Roles, history: Sequence[Migration], report: Report
) -> None:
    applied = await _applied(connection)
    for migration in history:
        if migration.version in applied:
            continue
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await migrate_master(connection, roles, migration)
                break
            except StepFailed as failure:
                if attempt == ATTEMPTS or connection.broken or not isinstance(failure.cause, OperationalError):
                    raise
                await asyncio.sleep(_patience_s(attempt))
        report.master.append(migration.name)


async def _known(connection: AsyncConnection) -> Known:
    row = await (await connection.execute(KNOWN)).fetchone()
    return Known(*(row or (False, False)))


async def _behind(
    connection: AsyncConnection, roles: Roles, newest: int, known: Known, *, only_failed: bool = False
) -> Behind:
    only = ONLY_FAILED if only_failed else ""
    query = BEHIND.format(is_canary="is_canary" if known.has_canaries else "false", only_failed=only)
    if known.has_pool:
        query += f"{POOL_BEHIND} {only}"
    async with connection.transaction():
        await become_owner(connection, roles)
        rows = await (await connection.execute(query.encode(), {"newest": newest})).fetchall()
    found = sorted((Target(is_pooled, number, version), is_canary) for number, version, is_pooled, is_canary in rows)
    return Behind(
        [target for target, is_canary in found if is_canary], [target for target, is_canary in found if not is_canary]
    )


def _patience_s(attempt: int) -> float:
    return PATIENCE_S * float(2 ** (attempt - 1)) * random.uniform(0.5, 1.5)  # noqa: S311 - only spreads attempts


class _Run:
    """One run under way: what it is made with, what it has tried."""

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        history: Sequence[Migration],
        journal: Journal,
        report: Report,
        progress: Progress | None,
    ) -> None:
        self.settings = settings
        self.roles = roles
        self.history = history
        self.journal = journal
        self.report = report
        self.progress = progress
        self.tried: set[int] = set()
        self._finished = 0
        self._written_at = 0.0

    async def all_waves(self, behind: Behind, *, canary_only: bool) -> None:
        await self.wave(behind.canary)
        failed = [f"station {one.id}: {self.report.failed[one.id]}" for one in behind.canary if self._has_failed(one)]
        if failed:
            self.report.stopped = f"The canary failed, so nothing else was touched; {'; '.join(failed)}"
            return
        if canary_only:
            self.report.stopped = f"Only the canary was asked for; {len(behind.others)} schemas are still to come."
            return
        for wave in waves_of(behind):
            await self.wave(wave)
            failures = sum(self._has_failed(one) for one in wave)
            if len(wave) >= LEAST_STOPPING and failures > len(wave) * STOPPING_SHARE:
                self.report.stopped = f"{failures} of the {len(wave)} schemas of a wave failed, so the rest was left."
                return

    async def wave(self, targets: Sequence[Target]) -> None:
        """All of them, by a few connections at a time; ends when each is brought up or written down as failed."""
        queue = deque((target, 1) for target in targets)
        self.tried.update(target.id for target in targets)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(WORKERS, len(targets))):
                    group.create_task(self._work(queue))
        except* (Error, OSError) as errors:
            raise errors.exceptions[0] from None  # the server is gone, for all of them

    def _has_failed(self, target: Target) -> bool:
        return target.id in self.report.failed

    async def _work(self, queue: deque[tuple[Target, int]]) -> None:
        while queue:
            async with admin_connection(self.settings) as connection:
                for _ in range(RECYCLE_AFTER):
                    if not queue or connection.broken:
                        break
                    await self._try(connection, queue, *queue.popleft())

    async def _try(
        self, connection: AsyncConnection, queue: deque[tuple[Target, int]], target: Target, attempt: int
    ) -> None:
        """One attempt. What may pass by itself (a lock that was not had, a server that starts again) is put back."""
        try:
            was_behind = await bring_up(connection, self.roles, target, self.history)
        except StepFailed as failure:
            if isinstance(failure.cause, OperationalError) and attempt < ATTEMPTS:
                queue.append((target, attempt + 1))
                await asyncio.sleep(_patience_s(attempt))
                return
            await self.journal.fail(target, failure)
            self.report.failed[target.id] = f"{failure.migration}: {failure}" if failure.migration else str(failure)
        else:
            self.report.tenants += was_behind
            self.report.pooled += was_behind and target.is_pooled
            self.journal.done += 1
        await self._tell()

    async def _tell(self) -> None:
        self._finished += 1
        if self.progress is not None:
            self.progress(self._finished, self.journal.wanted)
        if time.monotonic() - self._written_at > PROGRESS_EVERY_S:
            self._written_at = time.monotonic()
            await self.journal.progress()
