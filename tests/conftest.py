"""One deployment for each test worker: real servers, migrated once. See `tests/support/house.py`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.embedded import Servers, embedded_servers
from deploy.migrations.runner import migrate
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from tests.support.house import settings_for

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests have counted, also where they ran in another process."""
    for report in terminalreporter.getreports("passed"):
        for name, said in report.user_properties:
            terminalreporter.write_line(f"{name}: {said}")
