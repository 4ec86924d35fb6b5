"""The administrator's connection: makes roles and schemas, and migrates. Only provisioning and `kameng migrate` hold
it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from psycopg import AsyncConnection, sql
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import Database, Roles, roles_of
from kameng.infra.settings import Settings, SettingsError

NO_ADMIN = "KAMENG_ADMIN_URL is not set; it names a role that may create roles and schemas."


@asynccontextmanager
async def admin_connection(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A psycopg connection in autocommit mode; open transactions with `connection.transaction()`.

    Raises `SettingsError` when KAMENG_ADMIN_URL is not set.
    """
    if not settings.admin_url:
        raise SettingsError(NO_ADMIN)
    async with await AsyncConnection.connect(settings.admin_url, autocommit=True, connect_timeout=5) as connection:
        yield connection


@asynccontextmanager
async def owner_session(settings: Settings) -> AsyncIterator[AsyncSession]:
    """One transaction of the administrator as the owner of all tables, for what changes roles and schemas together with
    rows of `master`; commits unless it raises. Raises `SettingsError` when KAMENG_ADMIN_URL is not set.
    """
    if not settings.admin_url:
        raise SettingsError(NO_ADMIN)
    database = Database(msgspec.structs.replace(settings, database_url=settings.admin_url), pool_size=1)
    try:
        async with database.transaction(roles_of(settings).owner, "master") as session:
            yield session
    finally:
        await database.close()


async def become_owner(connection: AsyncConnection, roles: Roles) -> None:
    """For the rest of this transaction what is created belongs to the owner role."""
    await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(roles.owner)))
