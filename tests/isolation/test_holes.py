"""Tests of the tests: holes are planted, and each is found by the check that stands in its way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from psycopg import sql
from sqlalchemy import text

from admin_ui.console.routes import HANDLERS as CONSOLE
from deploy.asgi import ADMIN_TEMPLATES, STOREFRONT_TEMPLATES
from deploy.frontend.bundle import DIST
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.app import Unguarded, create_app
from kameng.web.bundle import Assets
from kameng.web.dispatch import HostDispatch
from tenants.storefront.routes import GLOBALS
from tenants.storefront.routes import HANDLERS as STOREFRONT
from tenants.toggles.toggles import Toggles
from tests.isolation.sources import PACKAGES, schemas_named
from tests.isolation.strangers import Stranger
from tests.isolation.survey import Uncovered, ask_everything, covered, warm
from tests.isolation.tables import try_another_schema, try_shared_rows
from tests.isolation.victim import Victim
from tests.support.house import Shop

PUBLIC = {"public": True}


def with_hole(runtime: Runtime, door: HostDispatch, *planted: Any) -> HostDispatch:
    """The front door with more routes at the stations."""
    station = create_app(
        runtime,
        face="station",
        handlers=[*STOREFRONT, *CONSOLE, *planted],
        template_folders=[STOREFRONT_TEMPLATES, ADMIN_TEMPLATES],
        assets=Assets.read(DIST),
        globals={"open_station_url": "/open", **GLOBALS},
        features=(toggles := Toggles(runtime)),
        provide={"toggles": Provide(lambda: toggles, sync_to_thread=False)},
    )
    return HostDispatch(runtime, door.master, station, ready=door.ready)


def test_a_route_without_a_guard_is_not_even_composed(runtime: Runtime, door: HostDispatch) -> None:
    @get("/planted")
    async def planted() -> str:
        return "anybody's"

    with pytest.raises(Unguarded, match="/planted"):
        with_hole(runtime, door, planted)


async def test_a_route_that_trusts_an_id_is_found(
    runtime: Runtime, door: HostDispatch, a: Shop, victim: Victim, people: Sequence[Stranger]
) -> None:
    @get("/planted/{tenant_id:int}", opt=PUBLIC)
    async def planted(tenant_id: FromPath[int], runtime: NamedDependency[Runtime]) -> Response[str]:
        tenant = await runtime.directory.tenant(tenant_id)
        async with tenant.begin() as session:
            return Response(str((await session.execute(text("SELECT contact FROM buyers"))).all()))

    holed = with_hole(runtime, door, planted)

    survey = await ask_everything(holed, holed.station, [a.tenant.host], people[:1], victim)

    assert [leak for leak in survey.leaks if "/planted/" not in leak] == []
    assert any("shows" in leak for leak in survey.leaks)
    assert any("is answered" in leak for leak in survey.leaks)


async def test_a_query_with_a_schema_name_is_found(
    runtime: Runtime, door: HostDispatch, a: Shop, victim: Victim, people: Sequence[Stranger]
) -> None:
    schema = victim.shop.tenant.schema

    @get("/planted", opt=PUBLIC)
    async def planted(tenant: NamedDependency[Tenant]) -> Response[str]:
        async with tenant.begin() as session:
            return Response(str((await session.execute(text(f"SELECT contact FROM {schema}.buyers"))).all()))  # noqa: S608 - the hole

    holed = with_hole(runtime, door, planted)

    survey = await ask_everything(holed, holed.station, [a.tenant.host], people[:1], victim)

    assert len(survey.leaks) == 1
    assert "/planted" in survey.leaks[0]


async def test_a_cache_that_forgets_the_tenant_is_found(
    runtime: Runtime,
    door: HostDispatch,
    a: Shop,
    victim: Victim,
    people: Sequence[Stranger],
    insiders: Sequence[Stranger],
) -> None:
    remembered: dict[str, str] = {}

    @get("/planted", opt=PUBLIC)
    async def planted(tenant: NamedDependency[Tenant]) -> Response[str]:
        if "page" not in remembered:
            async with tenant.begin() as session:
                remembered["page"] = str((await session.execute(text("SELECT contact FROM buyers"))).all())
        return Response(remembered["page"])

    holed = with_hole(runtime, door, planted)
    await warm(holed, holed.station, insiders, victim)

    survey = await ask_everything(holed, holed.station, [a.tenant.host], people[:1], victim)

    assert len(survey.leaks) == 1
    assert "/planted" in survey.leaks[0]


def test_a_route_with_an_id_that_nobody_gave_stops_the_survey(
    runtime: Runtime, door: HostDispatch, victim: Victim
) -> None:
    @get("/planted/{thing_id:int}", opt=PUBLIC)
    async def planted(thing_id: FromPath[int]) -> str:
        return str(thing_id)

    with pytest.raises(Uncovered, match="thing_id"):
        covered(with_hole(runtime, door, planted).station, victim)


async def test_a_right_too_many_in_the_database_is_found(runtime: Runtime, a: Shop, victim: Victim) -> None:
    role = sql.Identifier(runtime.database.roles.tenant(a.tenant.id))
    schema = sql.Identifier(victim.shop.tenant.schema)
    async with await psycopg.AsyncConnection.connect(runtime.settings.admin_url, autocommit=True) as connection:
        await connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
        await connection.execute(sql.SQL("GRANT SELECT ON {}.buyers TO {}").format(schema, role))

    count = await try_another_schema(a.tenant, victim)

    assert [said for said in count.let_through if ".buyers" in said] == count.let_through != []


async def test_a_policy_that_is_missing_is_found(runtime: Runtime, a: Shop, victim: Victim) -> None:
    async with await psycopg.AsyncConnection.connect(runtime.settings.admin_url, autocommit=True) as connection:
        await connection.execute("ALTER TABLE master.hosts DISABLE ROW LEVEL SECURITY")
        try:
            count = await try_shared_rows(a.tenant, victim)
        finally:
            await connection.execute("ALTER TABLE master.hosts ENABLE ROW LEVEL SECURITY")

    assert [said for said in count.let_through if "master.hosts" in said] == count.let_through != []


def test_no_source_names_a_tenants_schema() -> None:
    assert schemas_named() == []


def test_a_source_that_does_is_found(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir(parents=True)
    by_name = 'SQL = f"SELECT * FROM {tenant.schema}.orders"\n'
    (tmp_path / "tenants" / "planted.py").write_text(by_name, encoding="utf-8")
    (tmp_path / "billing" / "planted.py").write_text('SQL = "DELETE FROM tenant_7.orders"\n', encoding="utf-8")

    assert schemas_named(tmp_path) == ["tenants/planted.py:1", "billing/planted.py:1"]
