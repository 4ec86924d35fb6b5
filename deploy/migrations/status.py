"""Which schemas stand at which version, which failed and why; read as the master."""

from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.migrations.history import load, minimum_of
from deploy.migrations.runner import LOCK

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


async def status(session: AsyncSession, *, runs: int = 5) -> Status:
    """Where everything stands. Master session."""
    history = load("tenant")
    has_pool = (await session.execute(HAS_POOL)).scalar_one()
    canary = (await session.execute(CANARY)).one_or_none()
    return Status(
        master=(await session.execute(MASTER)).scalar_one(),
        master_newest=len(load("master")),
        newest=len(history),
        minimum=minimum_of(history),
        tenants=[Versions(*row) for row in await session.execute(VERSIONS)],
        pool=[Versions(*row) for row in await session.execute(POOL)] if has_pool else [],
        canary=Canary(*canary) if canary else None,
        failed=(await session.execute(FAILED)).scalar_one(),
        failures=[Failure(*row) for row in await session.execute(FAILURES, {"limit": MOST_FAILURES})],
        runs=[Run(*row) for row in await session.execute(RUNS, {"lock": LOCK, "limit": runs})],
    )


def as_dict(found: Status) -> dict[str, Any]:
    """For `--json`."""
    return structs.asdict(found) | {"behind": found.behind, "below_minimum": found.below_minimum}
