"""Whether this deployment can serve: the checks behind `/readyz` and `kameng doctor`."""

import time
from collections.abc import Awaitable, Callable

import psycopg
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from deploy.migrations.history import load, minimum_of
from deploy.migrations.status import status
from kameng.audit import chain
from kameng.infra.runtime import Runtime

OK = "ok"
REMEMBERED_S = 1.0
AUDIT_LINES = 1_000
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


VERSIONS = text(
    "SELECT (SELECT max(version) FROM migrations), count(*) FROM tenants WHERE version < :minimum AND state <> 'closed'"
)


async def migrations(runtime: Runtime) -> str:
    """The master stands at this program's version or above, and every tenant that is not closed at the lowest version
    that this program serves or above; the rest may still be on its way."""
    minimum, newest = minimum_of(load("tenant")), len(load("master"))
    try:
        async with runtime.database.master_session() as session:
            master, behind = (await session.execute(VERSIONS, {"minimum": minimum})).one()
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"The versions cannot be read: {_first_line(error)}"
    if (master or 0) < newest:
        return f"The master stands at version {master} of {newest}; run `kameng migrate`."
    return OK if behind == 0 else f"{behind} tenants stand below version {minimum}; run `kameng migrate`."


READY: dict[str, Check] = {"database": database, "redis": redis, "migrations": migrations}


async def ready(runtime: Runtime) -> dict[str, str]:
    """Every check with `ok` or one sentence."""
    return {name: await check(runtime) for name, check in READY.items()}


class Readiness:
    """`ready`, remembered for a second: whoever asks every moment, and anybody may, costs one look a second."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.monotonic) -> None:
        self.runtime = runtime
        self.clock = clock
        self._known: tuple[float, dict[str, str]] | None = None

    async def __call__(self) -> dict[str, str]:
        if self._known is None or self._known[0] <= self.clock():
            self._known = self.clock() + REMEMBERED_S, await ready(self.runtime)
        return self._known[1]


async def stations(runtime: Runtime) -> str:
    """No station is behind, and none has failed."""
    try:
        async with runtime.database.master_session() as session:
            found = await status(session)
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"The versions cannot be read: {_first_line(error)}"
    if found.failed:
        return f"{found.failed} stations failed; see `kameng migrate --status`."
    return OK if not found.behind else f"{found.behind} stations stand below version {found.newest}."


async def canary(runtime: Runtime) -> str:
    """Whoever is tried first could be brought up."""
    try:
        async with runtime.database.master_session() as session:
            found = await status(session)
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"The canary cannot be read: {_first_line(error)}"
    if found.canary is None or all(one.tenant_id != found.canary.id for one in found.failures):
        return OK
    return f"The canary, station {found.canary.id}, failed: every run stops there."


async def audit(runtime: Runtime) -> str:
    """The newest lines of the audit log are what was written."""
    try:
        async with runtime.database.master_session() as session:
            verdict = await chain.verify(session, last=AUDIT_LINES)
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        return f"The audit log cannot be read: {_first_line(error)}"
    if verdict.is_sound:
        return OK
    first = verdict.faults[0]
    return f"Chain {chain.chain_name(first.chain)}: {first.said}; see `kameng audit verify`."


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
