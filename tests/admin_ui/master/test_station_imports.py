"""Stations from a file: checked first, opened in the background, what was refused comes back to be mended."""

import asyncio
import csv
import io
import os
import sys
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from admin_ui.master import station_sheet
from billing.wholesale import service as wholesale
from deploy.provisioning import provisioner
from kameng.core import ids
from kameng.infra import settings as settings_door
from kameng.infra.runtime import Runtime
from tenants.registry.errors import CannotProvision
from tenants.registry.imports import service
from tests.admin_ui.conftest import audited
from tests.support.house import Shop, ledger_is_balanced, work_off
from tests.support.processes import ROOT, SOURCES
from tests.support.staff_client import StaffClient, error_at, text_of


@pytest.fixture
async def tier(runtime: Runtime) -> str:
    name = f"tier {ids.code(8)}"
    async with runtime.database.master_session() as session:
        await wholesale.add_tier(session, name)
    return name


def sheet(*lines: dict[str, str]) -> str:
    """A CSV file with these lines."""
    out = io.StringIO()
    writer = csv.DictWriter(out, ["slug", "name", "tier", "domains", "owner_login", "deposit", "plan", "accent"])
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def line(tier: str, **changes: str) -> dict[str, str]:
    mark = ids.code(8).lower()
    return {"slug": f"i-{mark}", "name": f"店 {mark}", "tier": tier, "deposit": "12.50"} | changes


async def send(operator: StaffClient, body: str | bytes, name: str = "stations.csv") -> httpx.Response:
    """Uploads a file from our own page; leads to the report of the check, or shows the form again."""
    await operator.get("/tenants/imports")
    answer = await operator.http.post(
        "/tenants/imports",
        data={"csrf_token": operator.token},
        files={"file": (name, body if isinstance(body, bytes) else body.encode(), "text/csv")},
        headers={"Origin": operator.origin},
    )
    return await operator.follow(answer) if answer.status_code == 303 else answer


async def rows(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def stations(runtime: Runtime, *slugs: str) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(
            text("SELECT count(*) FROM tenants WHERE slug = ANY(:slugs)"), {"slugs": list(slugs)}
        )
        return int(row.scalar_one())


async def finish(runtime: Runtime, import_id: str) -> None:
    """Works until the import is done, as a worker would."""
    for _ in range(20):
        await work_off(runtime)
        async with runtime.database.master_session() as session:
            row = await session.execute(
                text("SELECT finished_at IS NOT NULL FROM station_imports WHERE id = :id"), {"id": int(import_id)}
            )
            if row.scalar_one():
                return
    raise AssertionError("the import does not end")


async def test_a_file_is_checked_then_opened_and_its_refused_lines_come_back(
    runtime: Runtime, shop: Shop, operator: StaffClient, tier: str
) -> None:
    good = [line(tier, owner_login=f"boss-{number}") for number in range(3)]
    bad = [
        line(tier, slug=shop.tenant.slug),
        line("no such tier", accent="red"),
        line(tier, name="", deposit="-1"),
        line(tier, slug=good[0]["slug"]),
        line(tier, domains=shop.tenant.host, plan="no such plan"),
        line(tier, owner_login="a b"),
    ]

    page = await send(operator, sheet(*good, *bad))
    assert "3 of 9 lines can be opened, 6 would be refused." in text_of(page)
    assert await stations(runtime, *(one["slug"] for one in good)) == 0
    number = page.url.path.rpartition("/")[2]

    page = await operator.follow(await operator.post(f"/tenants/imports/{number}/start"))
    assert "Stations are being opened" in text_of(page)
    assert 'hx-trigger="every 1s"' in page.text
    await finish(runtime, number)

    page = await operator.get(f"/tenants/imports/{number}")
    assert "3 opened, 6 refused, 0 to go" in text_of(page)
    assert 'hx-trigger="every' not in page.text
    refused = await rows(await operator.get(f"/tenants/imports/{number}/refused.csv"))
    assert [one["line"] for one in refused] == ["5", "6", "7", "8", "9", "10"]
    said = [one["error"] for one in refused]
    assert "slug: This short name is taken by another station." in said[0]
    assert "tier: There is no tier of this name." in said[1]
    assert "accent: Write a colour" in said[1]
    assert "name: Fill this in." in said[2]
    assert "deposit: Write a number" in said[2]
    assert f"slug: {good[0]['slug']} stands in line 2 already." in said[3]
    assert "domains:" in said[4]
    assert "plan: There is no plan of this name." in said[4]
    assert "owner_login: A login has" in said[5]
    assert refused[1]["accent"] == "red"

    opened = await rows(await operator.get(f"/tenants/imports/{number}/opened.csv"))
    assert [(one["slug"], one["owner_login"]) for one in opened] == [(one["slug"], one["owner_login"]) for one in good]
    for one in opened:
        assert "¥12.50" in text_of(await operator.get(f"/tenants/{one['no']}"))
    assert len(await audited(runtime, "stations.import", number)) == 1
    assert await ledger_is_balanced(runtime)


async def test_the_report_of_refused_lines_can_be_mended_and_sent_as_it_is(operator: StaffClient, tier: str) -> None:
    wrong = line("not yet", name="=店")
    page = await send(operator, sheet(wrong))
    report = (await operator.get(f"{page.url.path}/refused.csv")).text
    assert "'=店" in report

    again = await send(operator, report.replace("not yet", tier))

    assert "1 of 1 lines can be opened" in text_of(again)
    assert "=店" in text_of(again)
    assert "'=店" not in text_of(again)


async def test_what_is_pasted_from_a_spreadsheet_and_what_excel_saves_can_be_read(
    operator: StaffClient, tier: str
) -> None:
    one = line(tier)
    await operator.get("/tenants/imports")
    pasted = f"name\tslug\ttier\r\n{one['name']}\t{one['slug']}\t{tier}\r\n\r\n"
    answer = await operator.http.post(
        "/tenants/imports",
        data={"csrf_token": operator.token, "pasted": pasted},
        files={"file": ("", b"")},
        headers={"Origin": operator.origin},
    )
    page = await operator.follow(answer)
    assert "1 of 1 lines can be opened" in text_of(page)

    page = await send(operator, sheet(line(tier, name="星辰点卡")).encode("gb18030"))
    assert "星辰点卡" in text_of(page)
    page = await send(operator, sheet(line(tier, name="星辰点卡")).replace(",", ";").encode("utf-8-sig"))
    assert "1 of 1 lines can be opened" in text_of(page)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Choose a file"),
        (b"name,slug,tier\n", "There is no line below the head."),
        (b"name,slug\na,b\n", "The head lacks columns: tier."),
        (b"name,slug,tier,colour\na,b,c,d\n", "there are not: colour."),
        (b"name,slug,tier,name\na,b,c,d\n", "names a column twice"),
        (b'name,slug,tier\n"a,b,c\n', "not a CSV file"),
        (b"\xff\xfe\x00\xff\xff\xff", "not a CSV file"),
        (b"name,slug,tier\n" + b"a,b,c\n" * 1001, "more than 1,000 lines"),
        (b"name,slug,tier\n" + b"a" * station_sheet.MOST_BYTES, "larger than 1 MiB"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    operator: StaffClient, body: bytes, said: str
) -> None:
    answer = await send(operator, body, name="x.csv" if body else "")

    assert answer.status_code == 422
    assert said in error_at(answer, "file")


async def test_a_file_beyond_all_bounds_is_refused(operator: StaffClient) -> None:
    assert (await send(operator, b"x" * 5_000_000)).status_code == 413


async def test_the_template_says_every_column_and_is_a_file_that_is_taken(operator: StaffClient, tier: str) -> None:
    template = (await operator.get("/tenants/imports/template.csv")).text
    page = text_of(await operator.get("/tenants/imports"))

    assert all(name in page for name in station_sheet.NAMES)
    one = line(tier)
    filled = template.replace("xingchen,", f"{one['slug']},{tier},", 1).replace(f"{tier},,", f"{tier},", 1)
    assert "1 of 1 lines can be opened" in text_of(await send(operator, filled))


async def test_a_line_whose_name_was_taken_meanwhile_is_refused_and_stops_no_other(
    runtime: Runtime, shop: Shop, operator: StaffClient, tier: str
) -> None:
    first, second = line(tier), line(tier)
    one, two = await send(operator, sheet(first, second)), await send(operator, sheet(first))
    for page in (one, two):
        await operator.post(f"{page.url.path}/start")
        await finish(runtime, page.url.path.rpartition("/")[2])

    assert "2 opened, 0 refused" in text_of(await operator.get(one.url.path))
    told = text_of(await operator.get(two.url.path))
    assert "0 opened, 1 refused" in told
    assert "This short name is taken by another station." in told


async def test_an_import_that_is_started_twice_and_worked_on_by_several_opens_each_line_once(
    runtime: Runtime, operator: StaffClient, tier: str
) -> None:
    lines = [line(tier) for _ in range(service.BATCH + 5)]
    page = await send(operator, sheet(*lines))
    number = int(page.url.path.rpartition("/")[2])
    for _ in range(2):
        await operator.post(f"{page.url.path}/start")
    maker = provisioner(runtime.settings)

    await asyncio.gather(*(service.open_some(runtime, maker, number) for _ in range(3)))
    await finish(runtime, str(number))

    assert f"{len(lines)} opened, 0 refused, 0 to go" in text_of(await operator.get(page.url.path))
    assert await stations(runtime, *(one["slug"] for one in lines)) == len(lines)


WORKER = """
import asyncio, sys
from deploy.provisioning import provisioner
from kameng.infra import settings
from kameng.infra.runtime import running
from tenants.registry.imports import service
async def work():
    async with running(settings.read()) as runtime:
        await service.open_some(runtime, provisioner(runtime.settings), int(sys.argv[1]))
asyncio.run(work())
"""


async def test_an_import_goes_on_after_its_worker_was_killed(
    runtime: Runtime, operator: StaffClient, tier: str
) -> None:
    lines = [line(tier) for _ in range(service.BATCH)]
    page = await send(operator, sheet(*lines))
    number = page.url.path.rpartition("/")[2]
    await operator.post(f"{page.url.path}/start")
    environ = {**os.environ, **SOURCES, **settings_door.to_environ(runtime.settings)}
    slugs = [one["slug"] for one in lines]

    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, number, cwd=ROOT, env=environ)
    async with asyncio.timeout(30):
        while not await stations(runtime, *slugs):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.005)
    worker.kill()
    await worker.wait()
    await finish(runtime, number)

    assert f"{len(lines)} opened, 0 refused, 0 to go" in text_of(await operator.get(page.url.path))
    assert await stations(runtime, *slugs) == len(lines)


async def test_a_worker_without_the_administrators_connection_opens_from_the_pool_only(
    runtime: Runtime, operator: StaffClient, tier: str
) -> None:
    page = await send(operator, sheet(line(tier)))
    number = int(page.url.path.rpartition("/")[2])
    settings: Any = msgspec.structs.replace(runtime.settings, admin_url="")
    poor = msgspec.structs.replace(runtime, settings=settings)

    with pytest.raises(CannotProvision):
        while True:  # others may have left schemas in the pool
            await service.open_some(poor, provisioner(settings), number)
            page = await send(operator, sheet(line(tier)))
            number = int(page.url.path.rpartition("/")[2])
