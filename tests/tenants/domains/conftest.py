"""Stations whose domains are looked up at a name server of the test, and a way to look at them now."""

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from msgspec import Struct
from sqlalchemy import text

from deploy.asgi import compose
from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tenants.domains import checking, queries, service
from tenants.domains.probe import Finding
from tenants.domains.queries import Claim, Host
from tests.admin_ui.conftest import clients, owner, shop, sign_in
from tests.support.house import Shop
from tests.support.name_server import NameServer, running_name_server

__all__ = ["clients", "owner", "shop", "sign_in"]

HERE = "198.51.100.4"


class Domains(Struct, frozen=True):
    """What tests do with domains."""

    runtime: Runtime
    names: NameServer

    async def claim(self, station: Shop, domain: str) -> Claim:
        async with station.tenant.begin() as session:
            number = await service.claim(session, self.runtime.settings, station.tenant.id, domain)
            return await queries.claim(session, station.tenant.id, number)

    async def check(self, claim: Claim) -> Finding:
        return await checking.check(self.runtime, claim.tenant_id, claim.id)

    async def served(self, station: Shop, domain: str) -> None:
        """Has a domain proved by a TXT record and leading here."""
        claim = await self.claim(station, domain)
        self.names.set(claim.txt_name, ("TXT", claim.txt_value))
        self.names.set(claim.host, ("A", HERE))
        assert await self.check(claim) == Finding(proof="txt")

    async def hosts(self, station: Shop) -> list[Host]:
        async with station.tenant.begin() as session:
            return list(await queries.hosts(session, station.tenant.id))

    async def claims(self, station: Shop) -> list[Claim]:
        async with station.tenant.begin() as session:
            return list(await queries.claims(session, station.tenant.id))

    async def notices(self, station: Shop) -> list[tuple[str, str]]:
        """Kind and subject of all that the owner was told."""
        async with station.tenant.begin() as session:
            rows = await session.execute(text("SELECT kind, subject FROM notices ORDER BY id"))
            return [(row.kind, row.subject) for row in rows]

    async def tenant_at(self, host: str) -> int | None:
        """Which station answers at a host, as the front door sees it now."""
        self.runtime.directory.forget()
        found = await self.runtime.directory.at_host(host)
        return found.id if found else None

    async def age(self, statement: str, **values: object) -> None:
        """Moves rows in time."""
        async with self.runtime.database.master_session() as session:
            await session.execute(text(statement), values)


@pytest.fixture(scope="session")
async def names() -> AsyncIterator[NameServer]:
    async with running_name_server() as server:
        yield server


@pytest.fixture(scope="session")
def here(runtime: Runtime, names: NameServer) -> Runtime:
    """The runtime, asking the tests' name server and standing at one public address."""
    settings = msgspec.structs.replace(runtime.settings, dns_servers=names.address, public_addresses=HERE)
    return msgspec.structs.replace(runtime, settings=settings)


@pytest.fixture
def domains(here: Runtime, names: NameServer) -> Domains:
    names.forget()
    return Domains(here, names)


@pytest.fixture(scope="session")
def door(here: Runtime) -> HostDispatch:
    return compose(here)


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Makes domains that no other test has."""
    return lambda: f"shop-{ids.code(8).lower()}.com"
