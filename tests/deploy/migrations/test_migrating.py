"""Migrations: what is current is skipped, what fails stops nobody else and can be run again."""

from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import text

from deploy.migrations import history, runner
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import roles_of
from kameng.infra.runtime import Runtime
from tenants.registry.errors import SlugTaken
from tests.support.house import open_shop, open_station


async def version_of(runtime: Runtime, tenant_id: int) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT version FROM tenants WHERE id = :id"), {"id": tenant_id})
        return int(row.scalar_one())


async def test_a_second_run_finds_nothing_to_do(runtime: Runtime) -> None:
    await open_shop(runtime)
    report = await runner.migrate(runtime.settings)
    assert (report.master, report.tenants, report.failed) == ([], 0, {})


async def test_a_tenant_that_fails_keeps_its_version_and_stops_no_other(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = await open_shop(runtime), await open_shop(runtime)
    roles = roles_of(runtime.settings)
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, roles)
        for shop in (good, bad):
            await connection.execute("UPDATE master.tenants SET version = 0 WHERE id = %s", [shop.tenant.id])
        await connection.execute(sql.SQL("CREATE TABLE {}.later (id int)").format(sql.Identifier(bad.tenant.schema)))
    (tmp_path / "tenant").mkdir()
    (tmp_path / "tenant" / "0001_later.sql").write_text("CREATE TABLE later (id int);", encoding="utf-8")
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(runner, "load", lambda name: history.load(name, tmp_path) if name == "tenant" else ())

    report = await runner.migrate(runtime.settings, lambda done, total: seen.append((done, total)))

    assert report.tenants == 1
    assert list(report.failed) == [bad.tenant.id]
    assert "already exists" in report.failed[bad.tenant.id]
    assert (await version_of(runtime, good.tenant.id), await version_of(runtime, bad.tenant.id)) == (1, 0)
    assert seen == [(1, 2), (2, 2)]
    async with good.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM later"))).scalar_one() == 0

    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, roles)
        await connection.execute(sql.SQL("DROP TABLE {}.later").format(sql.Identifier(bad.tenant.schema)))
    again = await runner.migrate(runtime.settings)
    assert (again.tenants, again.failed, await version_of(runtime, bad.tenant.id)) == (1, {}, 1)


def test_a_gap_in_the_versions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tenant").mkdir()
    for name in ("0001_a.sql", "0003_b.sql"):
        (tmp_path / "tenant" / name).write_text("SELECT 1;", encoding="utf-8")
    with pytest.raises(ValueError, match="not 1 to 2"):
        history.load("tenant", tmp_path)


async def test_a_station_that_cannot_be_opened_leaves_nothing_behind(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    async with runtime.database.master_session() as session:
        tier_id = (await session.execute(text("SELECT min(id) FROM tiers"))).scalar_one()
        before = (await session.execute(text("SELECT count(*) FROM pg_namespace"))).scalar_one()

    with pytest.raises(SlugTaken):
        await open_station(runtime, tier_id=tier_id, slug=shop.tenant.slug)

    async with runtime.database.master_session() as session:
        after = (await session.execute(text("SELECT count(*) FROM pg_namespace"))).scalar_one()
    assert after == before
