"""One pool of connections to PostgreSQL, and the session of master code.

Every transaction takes its rights with it (`SET LOCAL`): the login role has none of its own. A session comes from
`master_session` or from `Tenant.begin`, and from nowhere else.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any
from urllib.parse import urlsplit

import psycopg
from msgspec import Struct
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool

from kameng.infra import outbox
from kameng.infra.connections import Connections, Pooled
from kameng.infra.driver import DRIVER
from kameng.infra.settings import Settings

GUARD = "guard"  # key in session.info
# A backend keeps what it knows of every table it has touched, for ever. Distinct tenants after which a connection is
# replaced; docs/adr/0016 has the measurement.
RECYCLE_AFTER = 50
CONNECTION_WAIT_S = 10.0  # then whoever waits for a free connection of the pool is told that there is none
Guard = Callable[[], AbstractContextManager[None]]
ENTER = 'BEGIN; SET LOCAL ROLE "{role}"; SET LOCAL search_path TO {path}'


class Roles(Struct, frozen=True):
    """The database roles of one deployment. Their names begin with the database's name, because PostgreSQL shares
    roles among all databases of a server."""

    database: str

    @property
    def owner(self) -> str:
        """Owns every table and function; nobody logs in as it."""
        return f"{self.database}_owner"

    @property
    def master(self) -> str:
        return f"{self.database}_master"

    @property
    def tenants(self) -> str:
        """What all tenants may: their own rows of the shared tables."""
        return f"{self.database}_tenants"

    def tenant(self, tenant_id: int) -> str:
        return f"{self.database}_tenant_{tenant_id}"


def roles_of(settings: Settings) -> Roles:
    return Roles(urlsplit(settings.database_url).path.lstrip("/"))


async def leave_to_relay(sent: Sequence[outbox.Sent]) -> None:
    """Sends nothing: the relay will, when the rows are due. For processes that have no queue at hand."""


class Database:
    """The pool of the application's login role, which owns nothing and may only take the roles below it."""

    def __init__(
        self, settings: Settings, *, pool_size: int | None = None, connection_wait_s: float = CONNECTION_WAIT_S
    ) -> None:
        self.roles = roles_of(settings)
        self.recycle_after = RECYCLE_AFTER
        self.dispatch: Callable[[Sequence[outbox.Sent]], Awaitable[None]] = leave_to_relay
        engine = create_async_engine(
            driver_url(settings.database_url),
            poolclass=NullPool,
            hide_parameters=True,  # errors are logged, and values are hashes, sealed secrets and people's contacts
            isolation_level="AUTOCOMMIT",  # of the driver: `_entered` begins each transaction itself
            connect_args={"connect_timeout": 5, "application_name": "kameng"},
        )
        self.engine = engine
        self.connections = Connections(engine, pool_size or settings.pool_size, wait_s=connection_wait_s)

    def master_session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction as the master: all of schema `master`, no tenant's schema."""
        return self.transaction(self.roles.master, "master")

    @asynccontextmanager
    async def transaction(self, role: str, path: str) -> AsyncIterator[AsyncSession]:
        """One transaction with the rights of `role` and the search path `path`; commits unless it raises.

        What it recorded in the outbox is sent once the commit has happened.
        """
        pooled = await self._entered(role, path)
        try:
            session = AsyncSession(pooled.connection, expire_on_commit=False, autoflush=False)
            session.info[DRIVER] = pooled.driver
            try:
                yield session
                await _commit(session, pooled.driver)
            except BaseException:
                with suppress(
                    psycopg.OperationalError, DBAPIError
                ):  # the connection is gone, and with it the transaction
                    await (session.rollback() if session.in_transaction() else pooled.driver.rollback())
                raise
            finally:
                if session.identity_map or session.new:
                    session.expunge_all()
        finally:
            await self._left(pooled)
        if sent := outbox.pending(session):
            await self.dispatch(sent)

    async def _entered(self, role: str, path: str) -> Pooled:
        """A connection with its transaction begun and its rights taken, in one round trip where the driver would need
        two. Connections that died in the pool, as all have when PostgreSQL was started again, are dropped and the next
        is taken: nothing was done on them yet."""
        # Both names are made by us, of letters, digits and underscores. What is prepared holds one command only.
        enter = ENTER.format(role=role, path=path).encode()
        for patience in reversed(range(self.connections.size + 1)):
            pooled = await self.connections.take()
            try:
                await pooled.driver.execute(enter, prepare=False)
            except psycopg.OperationalError:
                await self.connections.drop(pooled)
                if not patience:
                    raise
            except BaseException:
                await self.connections.drop(pooled)
                raise
            else:
                pooled.served.add(path)
                return pooled
        raise ConnectionError("there is no connection to the database")

    async def _left(self, pooled: Pooled) -> None:
        """Gives a connection back; one that has served many tenants is replaced by the next that is needed. A look at a
        set costs nothing, the replacement one connect."""
        if len(pooled.served) < self.recycle_after:
            await self.connections.give_back(pooled)
        else:
            await self.connections.drop(pooled)

    async def close(self) -> None:
        await self.connections.close()


def guard_commit(session: AsyncSession, guard: Guard) -> None:
    """Has the COMMIT of this transaction run inside `guard()`, which turns what the database refuses there into errors
    with words: the ledger checks balances as the last thing before a commit (0002_ledger.sql)."""
    session.info[GUARD] = guard


async def _commit(session: AsyncSession, taken: psycopg.AsyncConnection[Any]) -> None:
    """A session that only the driver was used of has nothing to write, and is spared the work."""
    guard: Guard = session.info.get(GUARD, nullcontext)
    with guard():
        await (session.commit() if session.in_transaction() else taken.commit())


def driver_url(url: str) -> str:
    """A `postgresql://` address for SQLAlchemy with psycopg 3."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


class Base(DeclarativeBase):
    """Base of the mapped tables. Classes name no schema: the transaction's search path decides."""


def cause(error: DBAPIError | psycopg.Error) -> psycopg.Error | None:
    """What the driver said, whether or not SQLAlchemy stood between."""
    if isinstance(error, psycopg.Error):
        return error
    return error.orig if isinstance(error.orig, psycopg.Error) else None


def sqlstate(error: DBAPIError | psycopg.Error) -> str:
    """PostgreSQL's five-sign code of an error; ours begin with KM (deploy/migrations/master)."""
    found = cause(error)
    return (found.sqlstate or "") if found else ""
