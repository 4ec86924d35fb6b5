"""Who collects: a station for itself, or the master. The same tables stand in both schemas, and the same code serves
both; only where the money is booked differs."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.service import MASTER
from kameng.infra.crypto import Sealer
from kameng.infra.db import Database
from kameng.infra.runtime import Runtime


class Till(Protocol):
    """A `Tenant` is one; `MasterTill` is the other. `id` is the ledger's: a tenant's number, or `MASTER`."""

    @property
    def id(self) -> int: ...
    @property
    def host(self) -> str: ...
    def begin(self) -> AbstractAsyncContextManager[AsyncSession]: ...


class MasterTill(Struct, frozen=True):
    """The master collects opening fees and stations' deposits."""

    host: str
    database: Database
    id: int = MASTER

    def begin(self) -> AbstractAsyncContextManager[AsyncSession]:
        return self.database.master_session()


def master_till(runtime: Runtime) -> MasterTill:
    return MasterTill(runtime.settings.master_host, runtime.database)


async def sealer_of(runtime: Runtime, till: Till) -> Sealer:
    """What a till's channels are sealed with."""
    return await (runtime.keyring.master() if till.id == MASTER else runtime.keyring.tenant(till.id))
