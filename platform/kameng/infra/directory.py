"""Which tenant answers at a host. Looked up in `master`, remembered in the process for two seconds; for five minutes
while the database is away: pages that need nothing of it go on, and what is switched off stays so."""

import time
from collections.abc import Callable, Mapping, Sequence

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from kameng.core.errors import NotFound
from kameng.infra.db import Database
from kameng.infra.tenancy import Tenant
from kameng.infra.together import Together

log = structlog.get_logger()

TTL_S = 2.0
STALE_S = 300.0
AWAY = (OperationalError, psycopg.OperationalError, PoolExhausted, OSError)
CAPACITY = 10_000

TENANT = """
    SELECT t.id, t.slug, t.name, t.state, h.host, t.time_zone, t.locale, t.accent, t.theme, t.logo, t.favicon,
           t.notice, t.contact, t.contacts, t.footer, t.orders_used_up, t.state_reason,
           t.closing_until,
           EXISTS (SELECT 1 FROM application_settings WHERE mode <> 'closed') AS invites_owners
    FROM tenants t JOIN hosts h ON h.tenant_id = t.id
"""
BY_HOST = text(TENANT + "WHERE h.host = :key AND t.state <> 'closed'")
BY_ID = text(TENANT + "WHERE t.id = :key AND h.is_primary AND t.state <> 'closed'")


class Directory:
    """Tenants by host and by number. A change of a tenant is seen by every process within `TTL_S`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.database = database
        self.clock = clock
        self._known: dict[str | int, tuple[float, Tenant | None]] = {}
        self._reading: Together[str | int, Tenant | None] = Together(self._read)

    async def at_host(self, host: str) -> Tenant | None:
        """The tenant that serves `host` (lower case, no port), or None."""
        return await self._look_up(host)

    async def tenant(self, tenant_id: int) -> Tenant:
        """The tenant by number, at its primary host. Raises `NotFound`."""
        found = await self._look_up(tenant_id)
        if found is None:
            raise NotFound
        return found

    def forget(self) -> None:
        """Drops what is remembered; for whoever has just changed a tenant."""
        self._known.clear()

    async def _look_up(self, key: str | int) -> Tenant | None:
        remembered = self._known.get(key)
        if remembered and remembered[0] > self.clock():
            return remembered[1]
        try:
            tenant = await self._reading.ask(key)  # many want the same one when its time is over
        except AWAY as error:
            if remembered is None or remembered[0] + STALE_S < self.clock():
                raise
            log.warning("directory_stale", key=key, error=str(error))
            return remembered[1]
        if len(self._known) >= CAPACITY:
            self._known.clear()
        self._known[key] = (self.clock() + TTL_S, tenant)
        return tenant

    async def _read(self, keys: Sequence[str | int]) -> Mapping[str | int, Tenant | None]:
        found: dict[str | int, Tenant | None] = {}
        async with self.database.master_session() as session:
            for key in dict.fromkeys(keys):
                statement = BY_HOST if isinstance(key, str) else BY_ID
                row = (await session.execute(statement, {"key": key})).mappings().one_or_none()
                found[key] = Tenant(**row, database=self.database) if row else None
        return found
