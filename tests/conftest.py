"""One deployment for each test worker: real servers, migrated once. See `tests/support/house.py`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.asgi import compose
from deploy.embedded import Servers, embedded_servers
from deploy.migrations.runner import migrate
from kameng.infra.db import roles_of
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.web.dispatch import HostDispatch
from tests.support.house import settings_for
from tests.support.slate import Slate, opened_slate

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def servers(worker_id: str) -> Iterator[Servers]:
    with embedded_servers(CHECKOUT / ".kameng" / "test" / worker_id, durable=False, fresh=True) as started:
        yield started


@pytest.fixture(scope="session")
async def settings(servers: Servers) -> Settings:
    settings = settings_for(servers)
    await migrate(settings)
    return settings


@pytest.fixture(scope="session")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with running(settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def door(runtime: Runtime) -> HostDispatch:
    """The whole web application without a server: one for all tests, since making one takes a second and a half."""
    return compose(runtime)


@pytest.fixture(scope="session")
def slate(settings: Settings) -> Iterator[Slate]:
    with opened_slate(settings.admin_url, roles_of(settings)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def ends_with_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing that a test has begun reaches into another: tests commit for real, and share their worker's database."""
    if "runtime" not in request.fixturenames:
        yield
        return
    slate: Slate = request.getfixturevalue("slate")
    with slate.kept_clean():
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests have counted, also where they ran in another process."""
    for report in terminalreporter.getreports("passed"):
        for name, said in report.user_properties:
            terminalreporter.write_line(f"{name}: {said}")
