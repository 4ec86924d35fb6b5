"""The door that adapters speak through, and the servers of all suppliers, one of each for a module."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from kameng.infra.http import Outbound
from tests.support.acg_shop import AcgShop, running_acg_shop
from tests.support.sandbox import Supplier, running_supplier


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private=True)
    yield outbound
    await outbound.aclose()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Supplier]:
    with running_supplier() as running:
        yield running


@pytest.fixture(scope="module")
def acg_shop() -> Iterator[AcgShop]:
    with running_acg_shop() as running:
        yield running


@pytest.fixture
def url_of(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Where the staged supplier listens."""
    return lambda: str(request.getfixturevalue("stage").url)
