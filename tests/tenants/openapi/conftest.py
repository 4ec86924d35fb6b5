from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from kameng.core import ids
from kameng.identity.passwords import Passwords
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tenants.buyers import service as buyers
from tenants.buyers.service import Registration
from tenants.openapi import keys
from tests.admin_ui.conftest import clients, operator, owner, shop, sign_in
from tests.support.house import Shop
from tests.support.machine_client import MachineClient

__all__ = ["clients", "operator", "owner", "shop", "sign_in"]

Machines = Callable[..., Awaitable[MachineClient]]


async def member(shop: Shop) -> UUID:
    """A member of the station, who may hold keys."""
    wanted = Registration(login=f"m-{ids.code(8)}", password="long enough")
    return (await buyers.register(shop.tenant, Passwords.cheap(), wanted)).id


@pytest.fixture
async def machine(runtime: Runtime, door: HostDispatch) -> AsyncIterator[Machines]:
    """`machine(shop, buyer_id)`: a downstream shop with a key of its own."""
    async with AsyncExitStack() as opened:

        async def make(shop: Shop, buyer_id: UUID, skew_s: int = 0) -> MachineClient:
            sealer = await runtime.keyring.tenant(shop.tenant.id)
            async with shop.tenant.begin() as session:
                issued = await keys.issue(session, sealer, buyer_id, "downstream")
            client = MachineClient(door, shop.tenant.host, issued.key, issued.secret, skew_s)
            opened.push_async_callback(client.http.aclose)
            return client

        yield make
