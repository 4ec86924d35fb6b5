"""Consoles for tests: the whole front door, a station with goods to sell, and people who are signed in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity import staff
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.dispatch import HostDispatch
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient

PASSWORD = "correct horse battery"
CHEAP = Passwords.cheap()

SignIn = Callable[[Tenant, Role], Awaitable[StaffClient]]


@pytest.fixture
async def clients(door: HostDispatch) -> AsyncIterator[Callable[[str], StaffClient]]:
    """Makes browsers and closes them."""
    async with AsyncExitStack() as stack:
        made: list[StaffClient] = []

        def make(host: str) -> StaffClient:
            client = StaffClient(door, host)
            made.append(client)
            return client

        yield make
        for client in made:
            await stack.enter_async_context(client)


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=[f"KEY-{ids.code(8)}" for _ in range(5)])


@pytest.fixture
async def sign_in(runtime: Runtime, clients: Callable[[str], StaffClient]) -> SignIn:
    """Signs a new person with this role in at the station's console."""

    async def enter(tenant: Tenant, role: Role) -> StaffClient:
        login = await person(runtime, tenant.id, role)
        client = clients(tenant.host)
        answer = await client.sign_in(login, PASSWORD, "/console/login")
        assert answer.status_code == 303
        return client

    return enter


@pytest.fixture
async def owner(shop: Shop, sign_in: SignIn) -> StaffClient:
    return await sign_in(shop.tenant, Role.OWNER)


@pytest.fixture
async def operator(runtime: Runtime, clients: Callable[[str], StaffClient]) -> StaffClient:
    login = await person(runtime, None, Role.OPERATOR)
    client = clients(runtime.settings.master_host)
    answer = await client.sign_in(login, PASSWORD, "/login")
    assert answer.status_code == 303
    return client


async def person(runtime: Runtime, tenant_id: int | None, role: Role) -> str:
    """A new account with `PASSWORD`; returns its login."""
    login = f"{role.rpartition('.')[2]}-{ids.code(8).lower()}"
    async with runtime.database.master_session() as session:
        await staff.create_staff(session, login, f"{role} {login}", PASSWORD, tenant_id, role, hasher=CHEAP)
    return login


async def audited(runtime: Runtime, action: str, subject: str, tenant: Tenant | None = None) -> list[str]:
    """Who did `action` to `subject`, by the audit log; `tenant` where stations number their subjects alike."""
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text(
                "SELECT actor FROM audit_log WHERE action = :action AND subject = :subject"
                " AND (CAST(:tenant AS int) IS NULL OR tenant_id = :tenant) ORDER BY id"
            ),
            {"action": action, "subject": subject, "tenant": tenant.id if tenant else None},
        )
        return [row.actor for row in rows]
