"""Lists to take away: at once, or in the background with its progress on the page; nobody else's, and nothing of costs
for those who may not see them."""

import csv
import io
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from admin_ui.lists import controllers, tasks
from kameng.core import clock
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.lists import exports
from tests.admin_ui.conftest import SignIn, audited
from tests.admin_ui.lists.test_orders import add
from tests.support.house import Shop, work_off
from tests.support.staff_client import StaffClient, text_of

JOB = re.compile(r"/console/orders/exports/(\d+)$")


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand rows are no more than ten here, and a part is no more than four."""
    monkeypatch.setattr(controllers, "AT_ONCE", 10)
    monkeypatch.setattr(tasks, "PART", 4)


async def test_what_the_list_shows_comes_as_csv(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    await add(shop, contact="=cmd()")
    dear = await add(shop, cents=123_456, contact="13811112222", at=clock.now() - timedelta(minutes=1))
    await add(shop, state="expired")
    await owner.get("/console/orders?state=delivered")

    answer = await owner.post("/console/orders/exports", kind="csv", filter_state="delivered")

    assert answer.headers["content-type"].startswith("text/csv")
    assert re.search(r'filename="orders-\d{8}-\d{4}.csv"', answer.headers["content-disposition"])
    head, first, second = table(answer)
    assert head[:2] == ["Order", "Ordered at"]
    assert first[head.index("Contact")] == "'=cmd()"
    assert (second[0], second[head.index("Amount, ¥")]) == (dear, "1234.56")
    assert second[head.index("State")] == "Delivered"
    assert len(await audited(runtime, "lists.export", "orders", shop.tenant)) == 1


async def test_a_workbook_holds_numbers_and_moments_as_such(shop: Shop, owner: StaffClient) -> None:
    no = await add(shop, cents=123_456, contact="<a> & 'b'\x0b月")
    await owner.get("/console/orders")

    answer = await owner.post("/console/orders/exports", kind="xlsx")

    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    head, row = ([cell.value for cell in line] for line in sheet.iter_rows())
    said = dict(zip(head, row, strict=True))
    assert (said["Order"], said["Amount, ¥"], said["Contact"]) == (no, 1234.56, "<a> & 'b' 月")
    ordered_at = said["Ordered at"]
    assert isinstance(ordered_at, datetime)
    assert abs(ordered_at - clock.now().astimezone(ZoneInfo(shop.tenant.time_zone)).replace(tzinfo=None)) < timedelta(
        minutes=5
    )


async def test_costs_are_only_for_those_who_may_see_them(shop: Shop, sign_in: SignIn) -> None:
    await add(shop)
    heads = []
    for role in (Role.OWNER, Role.SERVICE):
        person = await sign_in(shop.tenant, role)
        heads.append(table(await person.post("/console/orders/exports", kind="csv"))[0])

    assert {"You pay, ¥", "Profit, ¥"} == set(heads[0]) - set(heads[1])


@pytest.mark.usefixtures("few_at_once")
async def test_a_long_list_is_made_in_the_background_with_its_progress(
    runtime: Runtime, shop: Shop, owner: StaffClient, sign_in: SignIn
) -> None:
    numbers = [await add(shop, at=clock.now() - timedelta(minutes=n)) for n in range(11)]
    await owner.get("/console/orders")
    answer = await owner.post("/console/orders/exports", kind="csv")
    page = await owner.follow(answer)
    address = answer.headers["location"]
    assert "0 of 11 rows, 0 %" in text_of(page)
    assert 'hx-trigger="every 1s"' in page.text
    assert (await owner.get(f"{address}/file")).status_code == 404

    await work_off(runtime)

    done = await owner.get(address)
    assert "11 of 11 rows, 100 %" in text_of(done)
    assert 'hx-trigger="every 1s"' not in done.text
    assert [line[0] for line in table(await owner.get(f"{address}/file"))[1:]] == numbers
    assert address in (await owner.get("/console/orders/exports")).text
    colleague = await sign_in(shop.tenant, Role.OWNER)
    assert (await colleague.get(f"{address}/file")).status_code == 404
    assert (await owner.get(address.replace("orders", "buyers"))).status_code == 404


@pytest.mark.usefixtures("few_at_once")
async def test_a_worker_that_stops_in_the_middle_loses_and_doubles_nothing(
    runtime: Runtime, shop: Shop, owner: StaffClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [await add(shop, at=clock.now() - timedelta(minutes=n)) for n in range(11)]
    monkeypatch.setattr(tasks, "TURN_S", 0)  # one part, then the next message
    await owner.get("/console/orders")
    address = (await owner.post("/console/orders/exports", kind="xlsx")).headers["location"]

    await work_off(runtime)
    assert "4 of 11 rows, 36 %" in text_of(await owner.get(address))
    for _ in range(3):
        await work_off(runtime)

    book = load_workbook(io.BytesIO((await owner.get(f"{address}/file")).content)).active
    assert book is not None
    assert [row[0].value for row in book.iter_rows(min_row=2)] == numbers


@pytest.mark.usefixtures("few_at_once")
async def test_one_export_at_a_time_and_a_cancelled_one_leaves_nothing(shop: Shop, owner: StaffClient) -> None:
    for _ in range(11):
        await add(shop)
    await owner.get("/console/orders")
    address = (await owner.post("/console/orders/exports", kind="csv")).headers["location"]

    page = await owner.follow(await owner.post("/console/orders/exports", kind="csv"))
    assert "An export of yours is under way." in page.text
    page = await owner.follow(await owner.post(f"{address}/cancel"))

    assert "Cancelled" in text_of(page)
    again = await owner.post("/console/orders/exports", kind="csv")
    assert JOB.search(again.headers["location"])
    assert again.headers["location"] != address


@pytest.mark.usefixtures("few_at_once")
async def test_an_export_goes_away_after_some_days(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    for _ in range(11):
        await add(shop)
    await owner.get("/console/orders")
    address = (await owner.post("/console/orders/exports", kind="csv")).headers["location"]
    await work_off(runtime)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE outbox SET due_at = now() WHERE tenant_id = :id AND follower LIKE '%forget_export'"),
            {"id": shop.tenant.id},
        )

    await work_off(runtime)

    assert (await owner.get(address)).status_code == 404
    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM list_export_parts"))).scalar_one() == 0


async def test_too_many_rows_are_refused_before_anything_is_made(
    shop: Shop, owner: StaffClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 2)
    for _ in range(3):
        await add(shop)
    await owner.get("/console/orders")

    page = await owner.follow(await owner.post("/console/orders/exports", kind="csv"))

    assert "More than 2 rows fit." in page.text


@pytest.mark.parametrize(
    ("path", "said"), [("products", "月卡"), ("stock", "月卡"), ("buyers", "13800000000"), ("tickets", "Ticket")]
)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_every_list_can_be_taken_away(
    runtime: Runtime, shop: Shop, owner: StaffClient, path: str, said: str, kind: str
) -> None:
    await shop.buyer()
    page = await owner.get(f"/console/{path}")
    assert f'action="/console/{path}/exports"' in page.text

    answer = await owner.post(f"/console/{path}/exports", kind=kind)

    assert answer.status_code == 200, text_of(answer)
    if kind == "csv":
        assert said in answer.content.decode("utf-8-sig")
    else:
        sheet = load_workbook(io.BytesIO(answer.content)).active
        assert sheet is not None
        assert any(said in str(cell) for row in sheet.iter_rows(values_only=True) for cell in row)
    assert len(await audited(runtime, "lists.export", path, shop.tenant)) == 1


def table(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 200, text_of(answer)
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
