"""Whether this deployment can serve: the checks behind `/readyz` and `kameng doctor`."""

import time
from collections.abc import Awaitable, Callable

import psycopg
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from deploy.migrations.history import load
from kameng.infra.runtime import Runtime

OK = "ok"
Check = Callable[[Runtime], Awaitable[str]]


async def database(runtime: Runtime) -> str:
    try:
        async with runtime.database.master_session() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"PostgreSQL does not answer: {_first_line(error)}"
    return OK


async def redis(runtime: Runtime) -> str:
    try:
        await runtime.redis.ping()
    except (RedisError, OSError) as error:
        return f"Redis does not answer: {_first_line(error)}"
    return OK


async def migrations(runtime: Runtime) -> str:
    """The master and every tenant that is not closed stand at the newest version."""
    try:
        async with runtime.database.master_session() as session:
            master = (await session.execute(text("SELECT max(version) FROM migrations"))).scalar_one()
            behind = await session.execute(
                text("SELECT count(*) FROM tenants WHERE version < :newest AND state <> 'closed'"),
                {"newest": len(load("tenant"))},
            )
            tenants = behind.scalar_one()
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"The versions cannot be read: {_first_line(error)}"
    if master != len(load("master")):
        return f"The master stands at version {master} of {len(load('master'))}; run `kameng migrate`."
    return OK if tenants == 0 else f"{tenants} tenants are behind; run `kameng migrate`."


READY: dict[str, Check] = {"database": database, "redis": redis, "migrations": migrations}


async def ready(runtime: Runtime) -> dict[str, str]:
    """Every check with `ok` or one sentence."""
    return {name: await check(runtime) for name, check in READY.items()}


async def clock(runtime: Runtime) -> str:
    """The clocks of this machine and of the database are within a second."""
    try:
        async with runtime.database.master_session() as session:
            theirs = (await session.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one()
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"The database's clock cannot be read: {_first_line(error)}"
    apart = abs(time.time() - float(theirs))
    return OK if apart < 1 else f"The database's clock is {apart:.1f} s apart from ours."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
