"""Price lists as files: what is exported comes in again as no change; what is wrong is named by line and column."""

import csv
import io
import zipfile
from decimal import Decimal

import httpx
import openpyxl
import pytest
from sqlalchemy import text

from billing.wholesale import sheets
from kameng.infra.runtime import Runtime
from supplier_gateway.goods import service as goods
from tests.support.house import Shop
from tests.support.prices import quoted, tier_of
from tests.support.staff_client import StaffClient, error_at, text_of

HEAD = 'Good no.,Good,"Cost, ¥",Price or rule,"Minimum resale, ¥",Sell below cost'


async def send(operator: StaffClient, path: str, body: bytes, name: str = "prices.csv") -> httpx.Response:
    """Sends a file from the page of the list."""
    await operator.get(path)
    return await operator.http.post(
        path,
        data={"csrf_token": operator.token, "reason": "the new list"},
        files={"file": (name, body)},
        headers={"Origin": operator.origin},
    )


async def list_of(shop: Shop) -> str:
    return f"/price-lists/tiers/{await tier_of(shop)}"


def table_of(*lines: str) -> bytes:
    return "\r\n".join([HEAD, *lines]).encode()


def mistakes(answer: httpx.Response) -> str:
    return text_of(answer).partition("What is wrong")[2].partition("Export")[0]


async def exported(operator: StaffClient, path: str) -> list[list[str]]:
    answer = await operator.get(f"{path}/csv")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_a_list_comes_in_is_looked_at_and_applied(shop: Shop, operator: StaffClient) -> None:
    answer = await send(operator, await list_of(shop), table_of(f"{shop.good_id},,,8.80,9.90,"))

    page = await operator.follow(answer)
    assert "¥8.80 · resale from ¥9.90" in text_of(page)
    assert await quoted(shop) == Decimal("8.0000")
    await operator.post(f"{page.url.path}/apply")

    assert await quoted(shop) == Decimal("8.8000")
    line = next(line for line in await exported(operator, await list_of(shop)) if line[0] == str(shop.good_id))
    assert line[2:5] == ["5", "8.80", "9.9"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_what_is_exported_changes_nothing_when_it_comes_in_again(
    shop: Shop, operator: StaffClient, kind: str
) -> None:
    path = await list_of(shop)
    file = await operator.get(f"{path}/{kind}")

    answer = await send(operator, path, file.content, f"prices.{kind}")

    assert answer.status_code == 422
    assert "Nothing would change" in text_of(answer)


async def test_a_spreadsheet_comes_in(shop: Shop, operator: StaffClient) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (["Price or rule", "Good no."], [8.4, shop.good_id]):
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)

    page = await operator.follow(await send(operator, await list_of(shop), out.getvalue(), "prices.xlsx"))
    await operator.post(f"{page.url.path}/apply")

    assert await quoted(shop) == Decimal("8.4000")


async def test_a_table_that_a_chinese_spreadsheet_wrote_comes_in(shop: Shop, operator: StaffClient) -> None:
    body = f"Good no.;Good;Price or rule\r\n{shop.good_id};月卡;进价+60%\r\n".encode("gb18030")

    page = await operator.follow(await send(operator, await list_of(shop), body))
    await operator.post(f"{page.url.path}/apply")

    assert await quoted(shop) == Decimal("8.0000")
    assert "cost+60%" in text_of(page)


async def test_every_mistake_is_named_by_line_and_column_and_nothing_is_done(shop: Shop, operator: StaffClient) -> None:
    good = shop.good_id
    answer = await send(
        operator,
        await list_of(shop),
        table_of(f"{good},,,8.80,,", "2147483000,,,1,,", "abc,,,1,,", f"{good},,,8.90,,", f"{good + 1_000_000},,,x,,"),
    )

    assert answer.status_code == 422
    said = mistakes(answer)
    assert "3 Good no. There is no good with this number." in said
    assert "4 Good no. Write a whole number." in said
    assert "5 Good no. This good stands in line 2 already." in said
    assert await quoted(shop) == Decimal("8.0000")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("x,,", "2 Price or rule Write a price such as 8.00"),
        ("-8,,", "2 Price or rule Write a price such as 8.00"),
        ("8.12345,,", "at most four decimals"),
        ("NaN,,", "2 Price or rule Write a price"),
        ("1e9,,", "2 Price or rule Write a price"),
        ("cost+x%,,", "2 Price or rule Write a price such as 8.00, or a rule"),
        ("default,,", "2 Price or rule The tier has no rule of its own."),
        ("8,cheap,", "2 Minimum resale, ¥ Write a price"),
        ("4.99,,", "2 Price or rule Below the cost of ¥5.00."),
    ],
)
async def test_a_bad_cell_is_named(shop: Shop, operator: StaffClient, cells: str, said: str) -> None:
    answer = await send(operator, await list_of(shop), table_of(f"{shop.good_id},,,{cells}"))

    assert answer.status_code == 422
    assert said in mistakes(answer)
    assert await quoted(shop) == Decimal("8.0000")


async def test_a_loss_is_confirmed_in_its_line(shop: Shop, operator: StaffClient) -> None:
    page = await operator.follow(await send(operator, await list_of(shop), table_of(f"{shop.good_id},,,4.99,,yes")))
    await operator.post(f"{page.url.path}/apply")

    assert await quoted(shop) == Decimal("4.9900")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"Good,Price\r\n1,2", "1 Good no. The column is missing."),
        (b"Good no.,Good\r\n1,2", "1 Price or rule The column is missing."),
    ],
)
async def test_a_missing_column_is_named(shop: Shop, operator: StaffClient, body: bytes, said: str) -> None:
    assert said in mistakes(await send(operator, await list_of(shop), body))


def bomb() -> bytes:
    """A workbook that would unpack to more than memory should hold."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * (sheets.MOST_UNPACKED_BYTES + 1))
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Choose a file."),
        (b"\xff\xfe\x00\x01", "This file cannot be read."),
        (b"PK\x03\x04 no archive", "This file cannot be read."),
        (bomb(), "This file cannot be read."),
        (b"a\r\n" * 20_100, "more than 20,000 lines"),
    ],
)
async def test_a_file_that_cannot_be_used_says_so(shop: Shop, operator: StaffClient, body: bytes, said: str) -> None:
    answer = await send(operator, await list_of(shop), body)

    assert answer.status_code == 422
    assert said in error_at(answer, "file")


async def test_a_name_that_is_a_formula_is_exported_as_text(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    evil = f"=HYPERLINK(1)&{shop.good_id}"
    async with runtime.database.master_session() as session:
        await goods.add(session, evil)
    path = await list_of(shop)

    assert any(line[1] == f"'{evil}" for line in await exported(operator, path))
    book = openpyxl.load_workbook(io.BytesIO((await operator.get(f"{path}/xlsx")).content))
    cells = [row[1] for row in book.worksheets[0].iter_rows()]
    assert {cell.data_type for cell in cells if cell.value == evil} == {"s"}
    assert "f" not in {cell.data_type for cell in cells}
    async with runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM goods WHERE name = :name"), {"name": evil})


async def test_a_stations_special_prices_come_in_and_out(shop: Shop, operator: StaffClient) -> None:
    path = f"/price-lists/stations/{shop.tenant.id}"
    head = "Good no.,Price or rule,Valid from,Valid until,Note"
    body = f"{head}\r\n{shop.good_id},7.00,,2098-12-31,Spring\r\n{shop.good_id},6.90,2099-01-01,2099-01-31,Later"

    page = await operator.follow(await send(operator, path, body.encode()))
    await operator.post(f"{page.url.path}/apply")

    assert await quoted(shop) == Decimal("7.0000")
    lines = await exported(operator, path)
    assert [line[3] for line in lines[1:]] == ["7.00", "6.90"]
    assert lines[1][5] == "2099-01-01 00:00"  # the whole of the last day
    again = await send(operator, path, (await operator.get(f"{path}/xlsx")).content, "prices.xlsx")
    assert "Nothing would change" in text_of(again)
    clash = await send(operator, path, f"{head}\r\n{shop.good_id},6.00,2099-01-15,,".encode())
    assert "2 Valid from The station has another special price for it at that time." in mistakes(clash)
