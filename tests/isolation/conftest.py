"""Two stations, A's people, and the counts that the run prints at its end."""

from collections.abc import Sequence

import pytest

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.isolation import strangers
from tests.isolation.strangers import Stranger
from tests.isolation.victim import Victim, open_victim
from tests.support.house import Shop, open_shop


@pytest.fixture
async def a(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["A-1"])


@pytest.fixture
async def victim(runtime: Runtime) -> Victim:
    return await open_victim(runtime)


@pytest.fixture
async def people(runtime: Runtime, door: HostDispatch, a: Shop) -> Sequence[Stranger]:
    """Who of A tries; the owner last, since he can change A the most."""
    return [
        await strangers.guest(door, a.tenant.host),
        await strangers.buyer(door, a),
        await strangers.machine(runtime, a),
        await strangers.employee(runtime, door, a, Role.DEPUTY),
        await strangers.employee(runtime, door, a, Role.OWNER),
    ]


@pytest.fixture
async def insiders(door: HostDispatch, victim: Victim) -> Sequence[Stranger]:
    """B's own owner and buyer."""
    host = victim.shop.tenant.host
    return [
        await strangers.employee_called(door, host, victim.owner, "B's owner"),
        await strangers.buyer_called(door, host, victim.buyer),
    ]
