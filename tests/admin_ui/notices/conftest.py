"""A station whose notices leave the page: by real servers on loopback."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from deploy.asgi import compose
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.dispatch import HostDispatch
from tenants.notices import service
from tests.admin_ui.conftest import PASSWORD, person
from tests.support.hearer import Hearer, open_hearer
from tests.support.house import Shop, work_off
from tests.support.postbox import Postbox, open_postbox
from tests.support.staff_client import StaffClient

TOKEN = "123456:" + "A" * 35


@pytest.fixture(autouse=True)
def nothing_has_come(postbox: Postbox, bot: Hearer) -> None:
    postbox.empty()
    bot.forget()


@pytest.fixture
async def hook() -> AsyncIterator[Hearer]:
    async with open_hearer() as hearer:
        yield hearer


@pytest.fixture(scope="session")
async def bot() -> AsyncIterator[Hearer]:
    async with open_hearer() as hearer:
        yield hearer


@pytest.fixture(scope="session")
async def postbox() -> AsyncIterator[Postbox]:
    async with open_postbox() as box:
        yield box


@pytest.fixture(scope="session")
def sending(runtime: Runtime, postbox: Postbox, bot: Hearer) -> Runtime:
    """The deployment, with ways to send."""
    settings = structs.replace(
        runtime.settings, smtp_url=f"smtp://127.0.0.1:{postbox.port}", telegram_url=bot.url, public_port=8000
    )
    return structs.replace(runtime, settings=settings)


@pytest.fixture(scope="session")
def sending_door(sending: Runtime) -> HostDispatch:
    return compose(sending)


@pytest.fixture
async def house(sending: Runtime, sending_door: HostDispatch) -> AsyncIterator[Callable[[Tenant | None, Role], Any]]:
    """Signs a new person in at a station, or at the master."""
    made: list[StaffClient] = []

    async def enter(tenant: Tenant | None, role: Role) -> StaffClient:
        login = await person(sending, tenant.id if tenant else None, role)
        client = StaffClient(sending_door, tenant.host if tenant else sending.settings.master_host)
        made.append(client)
        await client.sign_in(login, PASSWORD, "/console/login" if tenant else "/login")
        return client

    yield enter
    for client in made:
        await client.http.aclose()


@pytest.fixture
async def owner(house: Callable[[Tenant | None, Role], Any], shop: Shop) -> StaffClient:
    client: StaffClient = await house(shop.tenant, Role.OWNER)
    return client


async def tell(shop: Shop, kind: str = "deposit_low", subject: str = "", **detail: Any) -> None:
    async with shop.tenant.begin() as session:
        await service.tell(session, kind, subject, **detail)


async def pass_time(sending: Runtime, tenant: Tenant, seconds: int) -> None:
    """Moves everything that waits or is on the wire so far into the past, and does what is then due."""
    values = {"s": seconds}
    async with tenant.begin() as session:
        await session.execute(
            text(
                "UPDATE notice_deliveries SET due_at = due_at - make_interval(secs => :s),"
                " started_at = started_at - make_interval(secs => :s)"
            ),
            values,
        )
    async with sending.database.master_session() as session:
        await session.execute(text("UPDATE outbox SET due_at = due_at - make_interval(secs => :s)"), values)
    await work_off(sending)


async def states(tenant: Tenant) -> list[str]:
    async with tenant.begin() as session:
        rows = await session.execute(text("SELECT state FROM notice_deliveries ORDER BY id"))
        return [str(state) for state in rows.scalars()]
