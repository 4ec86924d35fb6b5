"""A house with a station of its own for each module of tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.kameng.web.house import Browser, House, build
from tests.support.house import open_station


@pytest.fixture(scope="module")
async def tenant(runtime: Runtime) -> Tenant:
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {ids.code(8)}")
    return await open_station(runtime, tier_id=tier.id)


@pytest.fixture(scope="module")
async def house(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(Path(tmp_path_factory.mktemp("pages")), runtime)


@pytest.fixture
async def browser(house: House, tenant: Tenant) -> AsyncIterator[Browser]:
    """A new browser that has seen the station's home page."""
    async with house.browser(tenant.host) as opened:
        await opened.get("/")
        yield opened
