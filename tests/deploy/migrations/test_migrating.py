"""Migrations: what is current is skipped, the canary goes first, what fails stops nobody else and can be run again."""

import asyncio
import sys
import time
from collections.abc import Callable

import pytest
from psycopg import AsyncConnection
from sqlalchemy import text

from deploy.migrations import runner
from deploy.migrations.schemas import StepFailed
from kameng.infra import settings as settings_door
from kameng.infra.admin import admin_connection
from kameng.infra.settings import SettingsError
from kameng.infra.tenancy import begin_as
from tests.deploy.migrations.conftest import Deployment
from tests.support.processes import ROOT, SOURCES

COLUMN = "ALTER TABLE products ADD COLUMN mark text NOT NULL DEFAULT '';"
# Fails where a table `stumble` is.
STUMBLING = (
    "DO $$ BEGIN IF to_regclass('stumble') IS NOT NULL THEN RAISE EXCEPTION 'stumbled'; END IF; END $$;" + COLUMN
)


async def test_a_second_run_finds_nothing_to_do(deployment: Deployment) -> None:
    await deployment.stations(2)
    report = await runner.migrate(deployment.settings)
    assert (report.master, report.tenants, report.failed) == ([], 0, {})


async def test_all_stations_get_the_new_version_and_progress_is_counted(deployment: Deployment) -> None:
    numbers = await deployment.stations(13)
    version = deployment.add(COLUMN)
    seen: list[tuple[int, int]] = []

    report = await runner.migrate(
        deployment.settings, lambda done, total: seen.append((done, total)), folder=deployment.folder
    )

    assert (report.tenants, report.failed, report.stopped) == (13, {}, "")
    assert await deployment.versions() == dict.fromkeys(numbers, version)
    assert seen == [(done, 13) for done in range(14)]
    run = (await deployment.status()).runs[0]
    assert (run.state, run.target, run.wanted, run.done, run.failed) == ("done", version, 13, 13, 0)


async def test_a_station_that_fails_keeps_its_version_and_stops_no_other(deployment: Deployment) -> None:
    first, bad, good = await deployment.stations(3)
    await deployment.as_owner(f"CREATE TABLE tenant_{bad}.stumble (id int)")
    version = deployment.add(STUMBLING)

    report = await deployment.migrate()

    assert (report.tenants, list(report.failed), report.stopped) == (2, [bad], "")
    assert await deployment.versions() == {first: version, bad: version - 1, good: version}
    (failure,) = (await deployment.status()).failures
    assert (failure.tenant_id, failure.version, failure.attempts) == (bad, version - 1, 1)
    assert (failure.migration, failure.error) == (f"{version:04}_added", "stumbled")

    await deployment.migrate()
    assert (await deployment.status()).failures[0].attempts == 2

    await deployment.as_owner(f"DROP TABLE tenant_{bad}.stumble")
    again = await deployment.migrate(retry=True)
    assert (again.tenants, again.failed) == (1, {})
    assert (await deployment.status()).failures == []


async def test_retry_leaves_alone_who_has_not_failed(deployment: Deployment) -> None:
    first, bad = await deployment.stations(2)
    await deployment.as_owner(f"CREATE TABLE tenant_{bad}.stumble (id int)")
    version = deployment.add(STUMBLING)
    await deployment.migrate()
    await deployment.as_owner(f"DROP TABLE tenant_{bad}.stumble")
    (late,) = await deployment.stations(1)

    await deployment.migrate(retry=True)

    assert await deployment.versions() == {first: version, bad: version, late: version - 1}


async def test_a_failing_canary_stops_the_run_before_anybody_else(deployment: Deployment) -> None:
    numbers = await deployment.stations(3)
    chosen = numbers[1]
    await deployment.as_owner(f"CREATE TABLE tenant_{chosen}.stumble (id int)")
    await deployment.change(chosen, is_canary=True)
    version = deployment.add(STUMBLING)

    report = await deployment.migrate()

    assert (report.tenants, list(report.failed)) == (0, [chosen])
    assert "The canary failed" in report.stopped
    assert "stumbled" in report.stopped
    assert set((await deployment.versions()).values()) == {version - 1}
    found = await deployment.status()
    assert (found.runs[0].state, found.canary and found.canary.id) == ("stopped", chosen)


async def test_without_a_mark_the_first_open_station_is_the_canary(deployment: Deployment) -> None:
    closed, canary, other = await deployment.stations(3)
    await deployment.change(closed, state="suspended")
    version = deployment.add(COLUMN)

    report = await deployment.migrate(canary_only=True)

    assert report.tenants == 1
    assert await deployment.versions() == {closed: version - 1, canary: version, other: version - 1}
    assert (await deployment.migrate()).tenants == 2


async def test_a_wave_that_mostly_fails_is_the_last(deployment: Deployment) -> None:
    numbers = await deployment.stations(13)
    for number in numbers[1:]:
        await deployment.as_owner(f"CREATE TABLE tenant_{number}.stumble (id int)")
    deployment.add(STUMBLING)

    report = await deployment.migrate()

    assert (report.tenants, len(report.failed)) == (1, 10)
    assert report.stopped == "10 of the 10 schemas of a wave failed, so the rest was left."


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(deployment: Deployment) -> None:
    numbers = await deployment.stations(13)
    version = deployment.add(COLUMN)

    plan = await runner.plan(deployment.settings, folder=deployment.folder)

    assert (plan.master, plan.canary, plan.waves, plan.target) == ([], [numbers[0]], [10, 2], version)
    assert set((await deployment.versions()).values()) == {version - 1}


async def test_tables_to_come_belong_to_the_tenant_and_to_nobody_else(deployment: Deployment) -> None:
    one, other = await deployment.stations(2)
    deployment.add("CREATE TABLE later (id int);")
    await deployment.migrate()

    async with begin_as(deployment.runtime.database, one) as session:
        assert (await session.execute(text("SELECT count(*) FROM later"))).scalar_one() == 0
    with pytest.raises(Exception, match="permission denied"):
        async with begin_as(deployment.runtime.database, one) as session:
            await session.execute(text(f"SELECT count(*) FROM tenant_{other}.later"))  # noqa: S608 - our own name


async def test_a_table_that_somebody_holds_for_a_moment_is_waited_for(deployment: Deployment) -> None:
    (number,) = await deployment.stations(1)
    deployment.add(COLUMN)
    async with admin_connection(deployment.settings) as holder:
        async with holder.transaction():
            await holder.execute(f"LOCK tenant_{number}.products".encode())
            run = asyncio.create_task(deployment.migrate())
            await until_somebody_waits(holder)
        report = await run
    assert (report.tenants, report.failed) == (1, {})


async def test_a_table_that_stays_locked_is_given_up_and_reported(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    (number,) = await deployment.stations(1)
    deployment.add(COLUMN)
    async with admin_connection(deployment.settings) as holder, holder.transaction():
        await holder.execute(f"LOCK tenant_{number}.products".encode())
        report = await deployment.migrate()
    assert "lock timeout" in report.failed[number]


async def test_a_station_that_is_closed_meanwhile_is_left_alone(deployment: Deployment) -> None:
    first, closing = await deployment.stations(2)
    version = deployment.add(COLUMN)
    async with admin_connection(deployment.settings) as holder:
        async with holder.transaction():
            await holder.execute("UPDATE master.tenants SET state = 'closed' WHERE id = %s", [closing])
            await holder.execute(f"DROP SCHEMA tenant_{closing} CASCADE".encode())
            run = asyncio.create_task(deployment.migrate())
            await until_somebody_waits(holder)
        report = await run

    assert (report.tenants, report.failed) == (1, {})
    assert await deployment.versions() == {first: version}


async def test_the_second_run_says_that_it_waits_and_finds_nothing_left(deployment: Deployment) -> None:
    (number,) = await deployment.stations(1)
    deployment.add(COLUMN)
    said: list[str] = []
    async with admin_connection(deployment.settings) as holder:
        async with holder.transaction():
            await holder.execute(f"LOCK tenant_{number}.products".encode())
            first = asyncio.create_task(deployment.migrate())
            await until_somebody_waits(holder)
            second = asyncio.create_task(runner.migrate(deployment.settings, folder=deployment.folder, say=said.append))
            await until_somebody_waits(holder, "advisory")
        reports = [await first, await second]

    assert [report.tenants for report in reports] == [1, 0]
    assert said == ["Another migration is under way; waiting for it."]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from deploy.migrations import runner
from kameng.infra import settings
asyncio.run(runner.migrate(settings.read(), folder=Path(sys.argv[1])))
"""


async def test_a_run_that_is_killed_is_shown_and_resumed(deployment: Deployment) -> None:
    numbers = await deployment.stations(3)
    stuck = numbers[2]
    version = deployment.add(COLUMN)
    environ = {**settings_door.to_environ(deployment.settings), **SOURCES}
    async with admin_connection(deployment.settings) as holder, holder.transaction():
        await holder.execute(f"LOCK tenant_{stuck}.products".encode())
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(deployment.folder), cwd=ROOT, env=environ
        )
        try:
            await until_somebody_waits(holder)
            assert (await deployment.status()).is_running
        finally:
            process.kill()
            await process.wait()
        await until_nobody_runs(deployment)
        assert (await deployment.status()).runs[0].state == "broken_off"

    report = await deployment.migrate()
    assert report.failed == {}
    assert await deployment.versions() == dict.fromkeys(numbers, version)
    assert [run.state for run in (await deployment.status()).runs[:2]] == ["done", "broken_off"]


POOL = """
    CREATE TABLE IF NOT EXISTS master.pooled_schemas (
        id int PRIMARY KEY, version int NOT NULL, made_at timestamptz NOT NULL DEFAULT now()
    );
    GRANT SELECT ON master.pooled_schemas TO {master};
    INSERT INTO master.pooled_schemas (id, version) SELECT id, version FROM master.tenants WHERE id = {spare};
    DELETE FROM master.hosts WHERE tenant_id = {spare};
    DELETE FROM master.tenants WHERE id = {spare};
"""


async def test_pooled_schemas_are_brought_up_with_the_others(deployment: Deployment) -> None:
    _, spare = await deployment.stations(2)
    await deployment.as_owner(POOL.format(spare=spare, master=deployment.runtime.database.roles.master))
    version = deployment.add(COLUMN)

    report = await deployment.migrate()

    assert (report.tenants, report.pooled, report.failed) == (2, 1, {})
    assert [(one.version, one.schemas) for one in (await deployment.status()).pool] == [(version, 1)]


async def test_without_the_administrators_address_it_says_so(deployment: Deployment) -> None:
    settings = settings_door.read({**settings_door.to_environ(deployment.settings), "KAMENG_ADMIN_URL": ""})
    with pytest.raises(SettingsError, match="KAMENG_ADMIN_URL is not set"):
        await runner.migrate(settings)


async def test_a_master_that_fails_is_one_sentence_and_touches_no_station(deployment: Deployment) -> None:
    await deployment.stations(1)
    files = len(list((deployment.folder / "master").glob("*.sql")))
    (deployment.folder / "master" / f"{files + 1:04}_wrong.sql").write_text("SELECT 1 / 0;", encoding="utf-8")
    version = deployment.add(COLUMN)

    with pytest.raises(StepFailed, match="division by zero"):
        await deployment.migrate()
    assert set((await deployment.versions()).values()) == {version - 1}


WAITING = {
    "": "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'",
    "advisory": "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'",
}


async def until_somebody_waits(connection: AsyncConnection, kind: str = "") -> None:
    """Until a backend waits for a lock that another has."""
    await until(connection, WAITING[kind], lambda count: count > 0)


async def until_nobody_runs(deployment: Deployment) -> None:
    async with admin_connection(deployment.settings) as connection:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        await until(connection, held, lambda count: count == 0)


async def until(connection: AsyncConnection, query: str, is_right: Callable[[int], bool]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (count,) = await (await connection.execute(query.encode())).fetchone() or (0,)
        if is_right(count):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(query)
