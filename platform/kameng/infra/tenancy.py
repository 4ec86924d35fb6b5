"""The tenant: the only way to a sub-station's tables.

`async with tenant.begin() as session:` opens one transaction that has the tenant's own database role and search path,
both `SET LOCAL`. A query that strays is refused by PostgreSQL, not by our care. The path ends in `master`, so that
tenant code names shared tables and functions without a schema too; row-level security shows it its own rows of them.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import Database

SELLING = frozenset({"trial", "active"})


class Tenant(Struct, frozen=True, kw_only=True):
    """One sub-station as the rest of the program sees it. `accent` is a `#rrggbb` colour; `logo` and `favicon`
    are paths on its own hosts, or empty. `state_reason` is why it is suspended or closing; a closing one is gone for
    good at `closing_until`."""

    id: int
    slug: str
    name: str
    state: str
    host: str
    time_zone: str
    locale: str
    accent: str
    theme: str
    logo: str
    favicon: str
    notice: str
    contact: str
    state_reason: str = ""
    closing_until: datetime | None = None
    database: Database

    @property
    def schema(self) -> str:
        return schema_of(self.id)

    @property
    def takes_orders(self) -> bool:
        """Whether it sells now; `open_sale` (deploy/migrations/master) says the same inside a sale."""
        return self.state in SELLING

    @property
    def is_open(self) -> bool:
        """Whether buyers are let in, be it only to look and to fetch what they bought."""
        return self.takes_orders or self.state == "overdue"

    def begin(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction in this tenant's schema with this tenant's rights; commits unless it raises."""
        return begin_as(self.database, self.id)


def schema_of(tenant_id: int) -> str:
    return f"tenant_{tenant_id}"


@asynccontextmanager
async def begin_as(database: Database, tenant_id: int) -> AsyncIterator[AsyncSession]:
    """`Tenant.begin` for code that holds only the tenant's number, such as the relay."""
    role, path = database.roles.tenant(tenant_id), f"{schema_of(tenant_id)},master"
    async with database.transaction(role, path) as session:
        yield session
