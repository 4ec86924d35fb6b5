"""Where notices are: at a station, or at the master. Both have the same tables, so one code serves both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import links
from kameng.infra.crypto import Sealer
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.site import MASTER, Site


class Place(Struct, frozen=True, kw_only=True):
    """A station, or the master (`tenant` None), with what its notices need."""

    runtime: Runtime
    tenant: Tenant | None

    @property
    def tenant_id(self) -> int | None:
        return self.tenant.id if self.tenant else None

    @property
    def site(self) -> Site:
        return self.tenant or MASTER

    @property
    def host(self) -> str:
        return self.tenant.host if self.tenant else self.runtime.settings.master_host

    def link(self, path: str) -> str:
        """An address for messages; `path` begins with `/`."""
        settings = self.runtime.settings
        return links.of_station(settings, self.tenant, path) if self.tenant else links.of_master(settings, path)

    @property
    def topic(self) -> str:
        """On what the bells of this place listen."""
        return f"t{self.tenant.id if self.tenant else 0}:notices"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction with the rights of this place."""
        opened = self.tenant.begin() if self.tenant else self.runtime.database.master_session()
        async with opened as session:
            yield session

    async def sealer(self) -> Sealer:
        keyring = self.runtime.keyring
        return await (keyring.tenant(self.tenant.id) if self.tenant else keyring.master())

    async def changed(self) -> None:
        """Tells open pages to look at their bell again. Call after the commit."""
        await self.runtime.hub.changed(self.topic)
