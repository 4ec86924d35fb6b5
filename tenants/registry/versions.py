"""Which schemas stand at which version, which failed and why, who is tried first. Master session."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.registry.errors import StationGone

LOCK = 0x6B616D65  # pg advisory lock that a migration holds: one run at a time
MASTER = text("SELECT coalesce(max(version), 0) FROM migrations")
VERSIONS = text("SELECT version, count(*) FROM tenants WHERE state <> 'closed' GROUP BY version ORDER BY version DESC")
HAS_POOL = text("SELECT to_regclass('master.pooled_schemas') IS NOT NULL")
POOL = text("SELECT version, count(*) FROM pooled_schemas GROUP BY version ORDER BY version DESC")
CANARY = text(
    """
    SELECT id, slug, name, version, is_canary FROM tenants
    WHERE state <> 'closed' AND (is_canary OR state = 'active') ORDER BY is_canary DESC, id LIMIT 1
    """
)
FAILURES = text(
    """
    SELECT f.tenant_id, coalesce(t.slug, ''), coalesce(t.name, ''), f.version, f.migration, f.error, f.attempts, f.at
    FROM migration_failures f LEFT JOIN tenants t ON t.id = f.tenant_id ORDER BY f.tenant_id LIMIT :limit
    """
)
FAILED = text("SELECT count(*) FROM migration_failures")
# A run that was killed still says that it is running, but holds no lock.
RUNS = text(
    """
    SELECT id, target, wanted, done, failed, said, began_at, ended_at,
        CASE WHEN state = 'running' AND NOT EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = :lock
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ) THEN 'broken_off' ELSE state END AS state
    FROM migration_runs ORDER BY id DESC LIMIT :limit
    """
)
MOST_FAILURES = 100


class Program(Struct, frozen=True):
    """What this program ships with: the master's version, the tenants', and the lowest of theirs that it serves."""

    master: int
    newest: int
    minimum: int


class Versions(Struct, frozen=True):
    """How many schemas stand at a version."""

    version: int
    schemas: int


class Canary(Struct, frozen=True):
    """Who is tried before all others. `is_chosen`: somebody marked it; otherwise it is the first that is open."""

    id: int
    slug: str
    name: str
    version: int
    is_chosen: bool


class Failure(Struct, frozen=True):
    """A schema that could not be brought up; without a slug, one of the pool."""

    tenant_id: int
    slug: str
    name: str
    version: int
    migration: str
    error: str
    attempts: int
    at: datetime


class Run(Struct, frozen=True):
    """One run; states: running, done, stopped, broken_off."""

    id: int
    target: int
    wanted: int
    done: int
    failed: int
    said: str
    began_at: datetime
    ended_at: datetime | None
    state: str


class Status(Struct, frozen=True, kw_only=True):
    """`minimum` is the lowest version that this program serves; `failures` are at most a hundred of `failed`."""

    master: int
    master_newest: int
    newest: int
    minimum: int
    tenants: list[Versions]
    pool: list[Versions]
    canary: Canary | None
    failed: int
    failures: list[Failure]
    runs: list[Run]

    @property
    def behind(self) -> int:
        """Tenants below the newest version."""
        return sum(one.schemas for one in self.tenants if one.version < self.newest)

    @property
    def below_minimum(self) -> int:
        return sum(one.schemas for one in self.tenants if one.version < self.minimum)

    @property
    def is_running(self) -> bool:
        return bool(self.runs) and self.runs[0].state == "running"


async def status(session: AsyncSession, program: Program, *, runs: int = 5) -> Status:
    """Where everything stands. Master session."""
    has_pool = (await session.execute(HAS_POOL)).scalar_one()
    canary = (await session.execute(CANARY)).one_or_none()
    return Status(
        master=(await session.execute(MASTER)).scalar_one(),
        master_newest=program.master,
        newest=program.newest,
        minimum=program.minimum,
        tenants=[Versions(*row) for row in await session.execute(VERSIONS)],
        pool=[Versions(*row) for row in await session.execute(POOL)] if has_pool else [],
        canary=Canary(*canary) if canary else None,
        failed=(await session.execute(FAILED)).scalar_one(),
        failures=[Failure(*row) for row in await session.execute(FAILURES, {"limit": MOST_FAILURES})],
        runs=[Run(*row) for row in await session.execute(RUNS, {"lock": LOCK, "limit": runs})],
    )


CHOOSE = text(
    """
    UPDATE tenants SET is_canary = (slug = :slug)
    WHERE (is_canary OR slug = :slug) AND state <> 'closed'
    RETURNING slug, is_canary
    """
)
CHOSEN = text("SELECT slug FROM tenants WHERE is_canary AND state <> 'closed' ORDER BY id FOR UPDATE")


class Migrator(Struct, frozen=True, kw_only=True):
    """How the master's console migrates. `can_run`: whether this process has the administrator's address. `start`
    begins a run in the background, of those only that failed where `retry`; False when one is under way."""

    program: Program
    can_run: bool
    start: Callable[[bool], Awaitable[bool]]


async def choose_canary(session: AsyncSession, slug: str) -> str:
    """Marks the station that is tried before all others, or none. Returns who it was. Raises `StationGone`."""
    before = ", ".join((await session.execute(CHOSEN)).scalars())
    changed = {row.slug: row.is_canary for row in await session.execute(CHOOSE, {"slug": slug})}
    if slug and not changed.get(slug):
        raise StationGone(field="canary")
    return before
