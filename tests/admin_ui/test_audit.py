"""The audit log at both consoles: found, read, exported; nobody sees another's lines."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from kameng.audit import service
from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import cookies
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, text_of


async def write(
    tenant: Tenant, actor: str, action: str, subject: str, address: str = "10.0.0.1", **kept: object
) -> int:
    async with tenant.begin() as session:
        await service.record(session, actor, action, subject, address=address, **kept)  # type: ignore[arg-type]  # by name
        return int((await session.execute(text("SELECT max(id) FROM audit_log"))).scalar_one())


@pytest.fixture
async def log(shop: Shop) -> Tenant:
    """Three lines of three people."""
    await write(shop.tenant, "Ann", "products.hide", "7", "10.0.0.1", detail={"name": "Lunar card"})
    await write(shop.tenant, "Bob", "products.change", "8", "10.0.0.2", before={"price": "10"}, after={"price": "12"})
    await write(shop.tenant, "Cid", "orders.refund", "NO-1", "10.0.0.3", detail={"amount_cents": 1234})
    return shop.tenant


@pytest.mark.parametrize(
    ("asked", "seen", "unseen"),
    [
        ("actor=Ann", ["Ann"], ["Bob", "Cid"]),
        ("action=products.change", ["Bob"], ["Ann", "Cid"]),
        ("subject=%23NO-1", ["Cid"], ["Ann", "Bob"]),
        ("address=10.0.0.2", ["Bob"], ["Ann", "Cid"]),
        ("q=lunar", ["Ann"], ["Bob", "Cid"]),
        ("q=refunded", ["Cid"], ["Ann", "Bob"]),  # by the word that is shown, not by the code
        ("q=12&actor=Bob", ["Bob"], ["Ann", "Cid"]),
        ("q=%25", [], ["Ann", "Bob", "Cid"]),
        ("from=2000-01-01&to=2000-01-02", [], ["Ann", "Bob", "Cid"]),
        ("from=2000-01-01", ["Ann", "Bob", "Cid"], []),
        ("from=nonsense&to=0001-01-01x", ["Ann", "Bob", "Cid"], []),
        ("before=1", [], ["Ann", "Bob", "Cid"]),
    ],
)
async def test_lines_are_found_by_what_is_known_of_them(
    log: Tenant, owner: StaffClient, asked: str, seen: list[str], unseen: list[str]
) -> None:
    table = (await owner.get(f"/console/audit?{asked}")).text.partition('id="list"')[2]

    assert [name for name in seen if f">{name}<" not in table] == []
    assert [name for name in unseen if f">{name}<" in table] == []


async def test_today_is_the_readers_today(log: Tenant, owner: StaffClient) -> None:
    today = datetime.now(UTC) + timedelta(hours=8)
    listed = await owner.get(f"/console/audit?from={today:%Y-%m-%d}&to={today:%Y-%m-%d}")
    assert ">Ann<" in listed.text


async def test_a_line_opens_beside_the_list_with_what_was_before_and_after(shop: Shop, owner: StaffClient) -> None:
    number = await write(
        shop.tenant, "Bob", "products.change", "8",
        before={"price": "10.00", "name": "Old"}, after={"price": "12.00", "name": "Old"},
    )  # fmt: skip
    listed = await owner.get("/console/audit")
    assert f'href="/console/audit/{number}"' in listed.text

    drawer = await owner.drawer(f"/console/audit/{number}")

    assert 'id="drawer-title"' in drawer.text
    assert "<del>10.00</del>" in drawer.text
    assert "<b>12.00</b>" in drawer.text
    assert "<del>Old</del>" not in drawer.text
    assert "Bob" in text_of(drawer)


async def test_a_line_that_keeps_from_and_to_in_its_detail_is_shown_the_same_way(
    shop: Shop, owner: StaffClient
) -> None:
    number = await write(shop.tenant, "Bob", "products.change", "8", detail={"from": "A1", "to": "B2", "note": "why"})
    drawer = await owner.drawer(f"/console/audit/{number}")
    assert ("<del>A1</del>" in drawer.text, "<b>B2</b>" in drawer.text, "why" in text_of(drawer)) == (True, True, True)


async def test_older_lines_are_on_further_pages_with_the_same_filters(shop: Shop, owner: StaffClient) -> None:
    async with shop.tenant.begin() as session:
        for number in range(60):
            await service.record(session, "Ann", "products.hide", f"N{number:02}")
    first = await owner.get("/console/audit?actor=Ann")
    older = first.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await owner.get(older)

    assert ("N59" in first.text, "N09" in first.text) == (True, False)
    assert ("N59" in second.text, "N09" in second.text, "N00" in second.text) == (False, True, True)
    assert 'rel="next"' not in second.text


async def test_another_stations_line_is_not_there(runtime: Runtime, owner: StaffClient) -> None:
    other = await open_shop(runtime)
    number = await write(other.tenant, "Eve", "products.hide", "1")

    assert (await owner.get(f"/console/audit/{number}")).status_code == 404
    assert "Eve" not in (await owner.get("/console/audit?q=Eve")).text.partition('id="list"')[2]
    assert "Eve" not in (await owner.get("/console/audit/export")).text


async def test_the_operator_sees_all_and_asks_for_one_station_or_the_master(
    runtime: Runtime, log: Tenant, operator: StaffClient
) -> None:
    mark = ids.code(10)
    async with runtime.database.master_session() as session:
        await service.record(session, mark, "tiers.add", "1")

    of_station = await operator.get(f"/audit?station={log.slug}")
    of_master = await operator.get("/audit?station=master")
    of_nobody = await operator.get("/audit?station=no-such-station")

    assert (">Ann<" in of_station.text, mark in of_station.text) == (True, False)
    assert (">Ann<" in of_master.text, mark in of_master.text) == (False, True)
    assert "No line fits" in text_of(of_nobody)


async def test_what_is_listed_is_exported_for_spreadsheets(shop: Shop, log: Tenant, owner: StaffClient) -> None:
    await write(log, "=1+1", "products.hide", "9")

    answer = await owner.get("/console/audit/export")
    lines = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    rows = [row for row in lines if row["What"] != "Signed in"]
    some = (await owner.get("/console/audit/export?actor=Bob")).text

    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-')
    assert [row["Who"] for row in rows] == ["'=1+1", "Cid", "Bob", "Ann"]
    assert (rows[2]["What"], rows[2]["Before"], rows[2]["After"]) == (
        "Changed a product", '{"price":"10"}', '{"price":"12"}',
    )  # fmt: skip
    assert [len(row["Hash"]) for row in rows] == [64] * len(rows)
    assert ("Bob" in some, "Cid" in some) == (True, False)


async def test_the_file_speaks_the_readers_language(
    log: Tenant, owner: StaffClient, clients: Callable[[str], StaffClient]
) -> None:
    owner.http.cookies.delete(cookies.LANGUAGE)
    answer = await owner.http.get("/console/audit/export?actor=Cid")
    assert "退款" in answer.text
