"""Cards go in by paste and by file; what is left out comes back with why."""

import csv
import io

import openpyxl
import pytest

from kameng.identity.permissions import Role
from tests.admin_ui.cards.conftest import Room
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import work_off
from tests.support.staff_client import error_at, text_of


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))


async def test_pasted_cards_are_counted_and_what_is_left_out_is_told(room: Room) -> None:
    first = await room.paste("AAAA-1111-AAAA", "", "BBBB-2222-BBBB", "AAAA-1111-AAAA", cost="4.50", supplier="老李")
    assert "3 of 3 lines, 100 %" in text_of(first)
    assert "Added cards 2 Twice in this file 1" in text_of(first)

    again = await room.paste("AAAA-1111-AAAA", "CCCC-3333-CCCC")

    assert "Added cards 1 Twice in this file 0 For sale already 1" in text_of(again)
    assert await room.stock.secrets() == ["AAAA-1111-AAAA", "BBBB-2222-BBBB", "CCCC-3333-CCCC"]
    report = table((await room.client.get(f"{again.url.path}/rejected.csv")).text)
    assert report == [["Line", "Why", "What was sent"], ["1", "For sale already", "AA…AA"]]
    seen = await audited(room.stock.shop.runtime, "cards.import", str(room.stock.product_id), room.stock.shop.tenant)
    assert len(seen) == 2
    log = await room.client.get("/console/audit")
    assert "AAAA-1111-AAAA" not in first.text + again.text + log.text


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("cards", 0)
    book.active = 0
    for row in rows:
        sheet.append(list(row))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "body", "secrets"),
    [
        ("k.txt", "\ufeffAAAA-BBBB-1\r\n\r\n中文卡密-2222\n".encode(), ["AAAA-BBBB-1", "中文卡密-2222"]),
        ("k.txt", "中文卡密-1111\n".encode("gb18030"), ["中文卡密-1111"]),
        ("k.txt", "AAAA-BBBB-1\n".encode("utf-16"), ["AAAA-BBBB-1"]),
        ("k.csv", '卡号,密码\nuser1,pass-1\nuser2,"pa,ss-2"\n'.encode(), ["user1----pass-1", "user2----pa,ss-2"]),
        ("k.csv", b"user1;pass-1\nuser2;pass-2\n", ["user1----pass-1", "user2----pass-2"]),
        ("k.xlsx", workbook(("key",), ("AAAA-BBBB-1",), (None,), (12345678901234,)), ["AAAA-BBBB-1", "12345678901234"]),
    ],
)
async def test_files_of_every_usual_kind_are_read(room: Room, name: str, body: bytes, secrets: list[str]) -> None:
    sent = await room.upload(name, body)
    assert sent.status_code == 303
    await work_off(room.stock.shop.runtime)

    page = await room.client.follow(sent)

    assert f"Added cards {len(secrets)} " in text_of(page)
    assert await room.stock.secrets() == secrets


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("k.txt", b"\n \n", "There is no line in it."),
        ("k.txt", b"\xff\xff\xff\x81", "no text in UTF-8 or GB 18030"),
        ("k.xlsx", b"PK\x03\x04 broken", "This workbook cannot be read"),
        ("k.txt", b"KEY\n" * 100_001, "more than 100,000 lines"),
        ("k.csv", b'a,"' + b"x" * 200_000, "quotation mark"),
    ],
)
async def test_a_file_that_cannot_be_read_is_told_at_its_field(room: Room, name: str, body: bytes, said: str) -> None:
    answer = await room.upload(name, body, supplier="老李")

    assert answer.status_code == 422
    assert said in error_at(answer, "file")
    assert 'value="老李"' in answer.text
    assert await room.stock.rows("SELECT 1 FROM card_imports") == []


async def test_a_running_import_shows_how_far_it_is_and_can_be_cancelled(room: Room) -> None:
    await room.client.get(f"{room.path}/imports/new")
    sent = await room.client.post(f"{room.path}/imports/paste", keys="AAAA-1\nBBBB-2")
    page = await room.client.follow(sent)
    assert 'hx-trigger="every 1s"' in page.text
    assert "0 of 2 lines, 0 %" in text_of(page)

    done = await room.client.follow(await room.client.post(f"{page.url.path}/cancel"))
    await work_off(room.stock.shop.runtime)

    assert "Cancelled" in text_of(done)
    assert "every 1s" not in done.text
    assert await room.stock.secrets() == []
    again = await room.client.follow(await room.client.post(f"{page.url.path}/cancel"))
    assert "The import was over already." in again.text


async def test_a_format_is_tried_saved_and_kept_to(room: Room) -> None:
    rule = {"separator": "----", "parts": "2", "label_part": "1", "secret_part": "2", "whole": "yes"}
    rule |= {"pattern": "[A-Z]{3}[0-9]+", "charset": "alnum"}
    await room.client.get(f"{room.path}/format")

    tried = await room.client.post(f"{room.path}/format/try", **rule, sample="13800----ABC1\n13801----abc\nonly")
    saved = await room.client.follow(await room.client.post(f"{room.path}/format", **rule))
    page = await room.paste("13800----ABC1", "13801----abc", "only")

    assert "Right 13800----ABC1 13800" in text_of(tried)
    assert "Does not fit the pattern" in text_of(tried)
    assert "Has not the right number of parts" in text_of(tried)
    assert 'value="[A-Z]{3}[0-9]+"' in saved.text
    assert "Added cards 1 " in text_of(page)
    report = table((await room.client.get(f"{page.url.path}/rejected.csv")).text)
    assert [row[2] for row in report[1:]] == ["13801----abc", "only"]


@pytest.mark.parametrize(
    ("field", "rule", "said"),
    [
        ("pattern", {"pattern": "([A-Z"}, "cannot be read"),
        ("pattern", {"pattern": "(a{500}){500}"}, "too large"),
        ("separator", {"label_part": "1"}, "what separates"),
        ("label_part", {"separator": "-", "label_part": "2", "secret_part": "2"}, "cannot be the secret"),
        ("max_length", {"min_length": "9", "max_length": "3"}, "less than"),
    ],
)
async def test_a_format_that_no_line_could_keep_is_refused(
    room: Room, field: str, rule: dict[str, str], said: str
) -> None:
    await room.client.get(f"{room.path}/format")

    answer = await room.client.post(f"{room.path}/format", **rule)

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert await room.stock.rows("SELECT 1 FROM card_formats") == []


async def test_customer_service_sees_counts_and_imports_nothing(room: Room, sign_in: SignIn) -> None:
    await room.paste("AAAA-1111-AAAA")
    client = await sign_in(room.stock.shop.tenant, Role.SERVICE)

    page = await client.get(room.path)
    answer = await client.post(f"{room.path}/imports/paste", keys="BBBB-2")

    assert "AA…AA" in text_of(page)
    assert "Freeze" not in page.text
    assert answer.status_code == 403


async def test_a_product_of_the_masters_has_no_stock_of_its_own(room: Room) -> None:
    for path in ("", "/imports/new", "/batches"):
        answer = await room.client.get(f"/console/stock/{room.stock.shop.product_id}{path}")
        assert answer.status_code == 404
