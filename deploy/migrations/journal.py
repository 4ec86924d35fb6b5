"""What is written down of a run, for `kameng migrate --status` and the master's page (0013_migration_runs.sql)."""

import asyncio
from typing import Any

from psycopg import AsyncConnection

from deploy.migrations.schemas import StepFailed, Target
from kameng.infra.admin import become_owner
from kameng.infra.db import Roles

LONGEST = 1_000

BEGIN = "INSERT INTO master.migration_runs (target, wanted) VALUES (%s, %s) RETURNING id"
PROGRESS = "UPDATE master.migration_runs SET wanted = %s, done = %s, failed = %s WHERE id = %s"
END = (
    "UPDATE master.migration_runs SET state = %s, said = %s, wanted = %s, done = %s, failed = %s, ended_at = now()"
    " WHERE id = %s"
)
BREAK_OFF = "UPDATE master.migration_runs SET state = 'broken_off', ended_at = now() WHERE state = 'running'"
FAILED = """
    INSERT INTO master.migration_failures AS f (tenant_id, version, migration, error) VALUES (%s, %s, %s, %s)
    ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version, migration = EXCLUDED.migration,
        error = EXCLUDED.error, attempts = f.attempts + 1, at = now()
"""
FORGET = """
    DELETE FROM master.migration_failures f WHERE NOT EXISTS (
        SELECT FROM master.tenants t WHERE t.id = f.tenant_id AND t.state <> 'closed' AND t.version < %s
    ) {and_not_pooled}
"""
NOT_POOLED = "AND NOT EXISTS (SELECT FROM master.pooled_schemas p WHERE p.id = f.tenant_id)"


class Journal:
    """One run, on the connection that holds the lock. Written when something is to be done."""

    def __init__(self, connection: AsyncConnection, roles: Roles) -> None:
        self.connection = connection
        self.roles = roles
        self.run_id = 0
        self.wanted = self.done = self.failed = 0
        self._one_at_a_time = asyncio.Lock()

    async def tidy(self, newest: int, *, has_pool: bool) -> None:
        """Says of runs that were killed that they broke off, and forgets failures that are none any more."""
        await self._write(BREAK_OFF, [])
        await self._write(FORGET.format(and_not_pooled=NOT_POOLED if has_pool else ""), [newest])

    async def begin(self, newest: int, wanted: int) -> None:
        self.wanted = wanted
        (self.run_id,) = await self._write(BEGIN, [newest, wanted])

    async def progress(self) -> None:
        await self._write(PROGRESS, [self.wanted, self.done, self.failed, self.run_id])

    async def fail(self, target: Target, failure: StepFailed) -> None:
        self.failed += 1
        await self._write(FAILED, [target.id, target.version, failure.migration, str(failure)[:LONGEST]])

    async def end(self, stopped: str) -> None:
        """Waits for the disk, and so makes sure of all that was committed before."""
        state = "stopped" if stopped else "done"
        counts = [self.wanted, self.done, self.failed]
        await self._write(END, [state, stopped[:LONGEST], *counts, self.run_id])

    async def _write(self, statement: str, values: list[Any]) -> tuple[Any, ...]:
        async with self._one_at_a_time, self.connection.transaction():
            await become_owner(self.connection, self.roles)
            cursor = await self.connection.execute(statement.encode(), values)
            return (await cursor.fetchone() or ()) if cursor.description else ()
