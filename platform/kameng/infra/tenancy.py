"""The tenant: the only way to a sub-station's tables.

`async with tenant.begin() as session:` opens one transaction that has the tenant's own database role and search path,
both `SET LOCAL`. A query that strays is refused by PostgreSQL, not by our care. The path ends in `master`, so that
tenant code names shared tables and functions without a schema too; row-level security shows it its own rows of them.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import Database

SELLING = frozenset({"trial", "active"})


class Tenant(Struct, frozen=True, kw_only=True):
    """One sub-station as the rest of the program sees it. `accent` is a `#rrggbb` colour; `logo` and `favicon`
    are paths on its own hosts, or empty. `contacts` maps a kind of contact to what stands there; `footer` lists the
    pages that its shop links to, each with `path` and `title`. `orders_used_up`: its plan allows no more orders this
    month; `invites_owners`: the master lets visitors apply for a station of their own. `state_reason` is why
    it is suspended or closing; a closing one is gone for good at `closing_until`."""

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
    orders_used_up: bool
    invites_owners: bool
    contacts: Mapping[str, str] = {}
    footer: Sequence[Mapping[str, str]] = ()
    state_reason: str = ""
    closing_until: datetime | None = None
    database: Database

    @property
    def schema(self) -> str:
        return schema_of(self.id)

    @property
    def takes_orders(self) -> bool:
        """Whether it takes new orders now. Orders that were placed before are still paid for and delivered."""
        return self.state in SELLING and not self.orders_used_up

    @property
    def is_open(self) -> bool:
        """Whether buyers are let in, be it only to look and to fetch what they bought."""
        return self.state in SELLING or self.state == "overdue"

    def begin(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction in this tenant's schema with this tenant's rights; commits unless it raises."""
        return begin_as(self.database, self.id)


def schema_of(tenant_id: int) -> str:
    return f"tenant_{tenant_id}"


def begin_as(database: Database, tenant_id: int) -> AbstractAsyncContextManager[AsyncSession]:
    """`Tenant.begin` for code that holds only the tenant's number, such as the relay."""
    return database.transaction(database.roles.tenant(tenant_id), f"{schema_of(tenant_id)},master")


async def as_place(session: AsyncSession, database: Database, tenant_id: int | None) -> None:
    """For the end of a master session that concerns one station: takes that tenant's role for what is left of the
    transaction, so that the audit log writes the line among the tenant's own. None stays the master.
    """
    if tenant_id is not None:
        await session.execute(text(f'SET LOCAL ROLE "{database.roles.tenant(tenant_id)}"'))
