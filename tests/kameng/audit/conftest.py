"""A log to tamper with, and the right to do it."""

from collections.abc import Awaitable, Callable

import psycopg
import pytest

from kameng.audit import chain, service
from kameng.audit.chain import Verdict
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import open_shop

Tamper = Callable[[str], Awaitable[None]]


@pytest.fixture
async def tenant(runtime: Runtime) -> Tenant:
    return (await open_shop(runtime)).tenant


@pytest.fixture
async def log(tenant: Tenant) -> Tenant:
    """A station with nine lines in its log."""
    for number in range(1, 10):
        await write(tenant, str(number))
    return tenant


async def write(tenant: Tenant, subject: str) -> None:
    async with tenant.begin() as session:
        await service.record(
            session, "王小明", "products.change", subject, {"name": "月卡"}, "10.1.1.1",
            before={"price": "10.00"}, after={"price": "12.00"},
        )  # fmt: skip


async def verdict_on(runtime: Runtime, tenant: Tenant, *, last: int | None = None) -> Verdict:
    async with runtime.database.master_session() as session:
        return await chain.verify(session, chain=tenant.id, last=last)


@pytest.fixture
def tamper(runtime: Runtime) -> Tamper:
    """Runs statements as whoever owns the tables, with the triggers out of the way; they are back afterwards."""

    async def change(statements: str) -> None:
        async with admin_connection(runtime.settings) as connection, connection.transaction():
            await become_owner(connection, runtime.database.roles)
            await connection.execute("LOCK master.audit_log, master.audit_heads")
            await switch(connection, "DISABLE")
            await connection.execute(statements.encode())
            await switch(connection, "ENABLE")

    return change


async def switch(connection: psycopg.AsyncConnection, how: str) -> None:
    for table in ("audit_log", "audit_heads"):
        await connection.execute(f"ALTER TABLE master.{table} {how} TRIGGER USER".encode())
