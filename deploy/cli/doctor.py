"""`kameng doctor`."""

import os
import shutil
import sys

import rich_click as click
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from deploy import health, surroundings
from deploy.cli.terminal import console, run
from deploy.migrations.runner import login_of
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings

LEAST_FREE_SHARE = 0.05
LOGIN = text(
    "SELECT rolsuper, rolcreaterole, rolbypassrls, current_setting('server_version_num')::int >= 160000"
    " OR NOT rolinherit AS inherits_nothing FROM pg_roles WHERE rolname = :login"
)


@click.command()
def doctor() -> None:
    """Check database, Redis, migrations, audit log, login role, clock and disk: one line each.

    Exit code 1 if one is bad.
    """
    with surroundings.deployment() as settings:
        found = run(_examine(settings))
    for name, said in found.items():
        mark = "[green]ok [/green]" if said == health.OK else "[red]bad[/red]"
        console.print(f"{mark} {name:<10} {'' if said == health.OK else said}", highlight=False)
    sys.exit(0 if all(said == health.OK for said in found.values()) else 1)


async def _examine(settings: Settings) -> dict[str, str]:
    async with running(settings) as runtime:
        found = await health.ready(runtime)
        found["stations"] = await health.stations(runtime)
        found["canary"] = await health.canary(runtime)
        found["audit"] = await health.audit(runtime)
        found["login"] = await _login(runtime)
        found["clock"] = await health.clock(runtime)
    found["disk"] = _disk()
    return found


async def _login(runtime: Runtime) -> str:
    """The application's login role may nothing by itself."""
    try:
        async with runtime.database.engine.connect() as connection:
            found = await connection.execute(LOGIN, {"login": login_of(runtime.settings.database_url)})
            row = found.one_or_none()
    except (SQLAlchemyError, OSError) as error:
        return f"PostgreSQL does not answer: {str(error).splitlines()[0]}"
    if row is None:
        return "KAMENG_DATABASE_URL names no role."
    if row.rolsuper or row.rolcreaterole or row.rolbypassrls:
        return "The role of KAMENG_DATABASE_URL has rights of its own (superuser, createrole or bypassrls)."
    return health.OK if row.inherits_nothing else "The role of KAMENG_DATABASE_URL must be NOINHERIT."


def _disk() -> str:
    usage = shutil.disk_usage(os.fspath(surroundings.CHECKOUT))
    share = usage.free / usage.total
    return health.OK if share > LEAST_FREE_SHARE else f"Only {share:.0%} of the disk is free."
