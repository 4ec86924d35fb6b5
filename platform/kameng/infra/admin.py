"""The administrator's connection: makes roles and schemas, and migrates. Only provisioning and `kameng migrate` hold
it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection, sql

from kameng.infra.db import Roles
from kameng.infra.settings import Settings, SettingsError


@asynccontextmanager
async def admin_connection(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A psycopg connection in autocommit mode; open transactions with `connection.transaction()`.

    Raises `SettingsError` when KAMENG_ADMIN_URL is not set.
    """
    if not settings.admin_url:
        raise SettingsError("KAMENG_ADMIN_URL is not set; it names a role that may create roles and schemas.")
    async with await AsyncConnection.connect(settings.admin_url, autocommit=True, connect_timeout=5) as connection:
        yield connection


async def become_owner(connection: AsyncConnection, roles: Roles) -> None:
    """For the rest of this transaction what is created belongs to the owner role."""
    await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(roles.owner)))
