"""Deployments of their own: a migration is about all stations, so others' must not stand about."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import LiteralString

import pytest
from msgspec import Struct
from psycopg import sql

from billing.wholesale import service as wholesale
from deploy.embedded import embedded_servers
from deploy.migrations import history, runner
from deploy.migrations.status import status
from kameng.core import ids
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import roles_of
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from tenants.registry.versions import LOCK, Status
from tests.conftest import CHECKOUT
from tests.support.house import open_station, settings_for

LEFT_BEHIND: tuple[tuple[LiteralString, LiteralString], ...] = (
    ("SELECT nspname FROM pg_namespace WHERE nspname ~ '^tenant_'", "DROP SCHEMA {} CASCADE"),
    ("SELECT rolname FROM pg_roles WHERE rolname ~ '_tenant_'", "DROP ROLE {}"),
)


@pytest.fixture(scope="module")
def own_settings(worker_id: str) -> Iterator[Settings]:
    with embedded_servers(CHECKOUT / ".kameng" / "test" / f"{worker_id}-m", durable=False, fresh=True) as servers:
        yield settings_for(servers)


class Deployment(Struct, frozen=True):
    """Stations 1, 2, 3, ... at this program's version, and a copy of its history to add to."""

    runtime: Runtime
    folder: Path

    @property
    def settings(self) -> Settings:
        return self.runtime.settings

    @property
    def newest(self) -> int:
        """The version that the history in `folder` leads to."""
        return len(history.load("tenant", self.folder))

    def add(self, statements: str) -> int:
        """A further migration of tenants; its version."""
        version = self.newest + 1
        (self.folder / "tenant" / f"{version:04}_added.sql").write_text(statements, encoding="utf-8")
        return version

    async def stations(self, count: int) -> list[int]:
        """So many new ones, at this program's version. Their numbers."""
        async with self.runtime.database.master_session() as session:
            tier = await wholesale.add_tier(session, ids.code(8))
        return [(await open_station(self.runtime, tier_id=tier.id)).id for _ in range(count)]

    async def migrate(self, *, canary_only: bool = False, retry: bool = False) -> runner.Report:
        return await runner.migrate(self.settings, folder=self.folder, canary_only=canary_only, retry=retry)

    async def as_owner(self, statements: str) -> None:
        async with admin_connection(self.settings) as connection, connection.transaction():
            await become_owner(connection, roles_of(self.settings))
            await connection.execute(statements.encode(), prepare=False)

    @asynccontextmanager
    async def holding_the_lock(self) -> AsyncIterator[None]:
        """As a run does."""
        async with admin_connection(self.settings) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            yield

    async def change(self, number: int, **columns: object) -> None:
        """Sets columns of a station."""
        for name, value in columns.items():
            statement = sql.SQL("UPDATE master.tenants SET {} = {} WHERE id = {}")
            values = sql.Identifier(name), sql.Literal(value), sql.Literal(number)
            await self.as_owner(statement.format(*values).as_string())

    async def versions(self) -> dict[int, int]:
        async with admin_connection(self.settings) as connection, connection.transaction():
            await become_owner(connection, roles_of(self.settings))
            rows = await connection.execute("SELECT id, version FROM master.tenants WHERE state <> 'closed'")
            return dict(await rows.fetchall())

    async def status(self) -> Status:
        async with self.runtime.database.master_session() as session:
            return await status(session)


@pytest.fixture
async def deployment(own_settings: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    copytree(history.HERE, tmp_path / "migrations")
    await runner.migrate(own_settings)
    async with running(own_settings) as runtime:
        yield Deployment(runtime, tmp_path / "migrations")
    async with admin_connection(own_settings) as connection:
        for query, drop in LEFT_BEHIND:
            for (name,) in await (await connection.execute(query.encode())).fetchall():
                await connection.execute(sql.SQL(drop).format(sql.Identifier(name)))
        await connection.execute("DROP SCHEMA master CASCADE")
