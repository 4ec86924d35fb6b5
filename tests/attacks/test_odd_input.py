"""Texts that no person types by accident, and dates that people do type."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from warnings import catch_warnings, simplefilter

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from billing.wholesale import sheets
from billing.wholesale.sheets import Unreadable
from tenants.branding import drawing
from tenants.branding.errors import BadPicture
from tests.admin_ui.conftest import clients, operator, owner, shop, sign_in
from tests.admin_ui.console.test_pages import PAGE, PATH
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.openapi.conftest import Machines, machine, member
from tests.tenants.openapi.test_buying import fill

__all__ = ["clients", "machine", "operator", "owner", "shop", "sign_in"]

STRANGE_LINKS = [
    "<http://[::zz]/>",
    "[x](http://[zz]/a)",
    "[x](http://[)",
    "[x](//[::zz]/)",
    "![x](http://[::zz]/)",
    "[x](http://a℀b/)",
    "[x](http://x:99999999)",
    "[x](<http://[::1%zone]/>)",
    "[x]: http://[::zz]/\n\n[x]",
]


@pytest.mark.parametrize("link", STRANGE_LINKS)
async def test_a_link_that_is_no_address_breaks_no_page(owner: StaffClient, link: str) -> None:
    await owner.get(f"{PATH}/new")
    preview = await owner.post(f"{PATH}/preview", **{**PAGE, "body": f"before {link} after"})
    saved = await owner.post(PATH, **{**PAGE, "body": f"before\n\n{link}\n\nafter"})

    assert preview.status_code == 200
    assert saved.status_code == 303
    page = await owner.get("/pages/about")
    assert page.status_code == 200
    assert "after" in text_of(page)
    assert (await owner.get(saved.headers["location"])).status_code == 200


@pytest.mark.parametrize("ends", ["9999-12-31", "9999-12-31 23:59", "0001-01-01", "0001-01-01 00:00"])
async def test_a_special_price_until_the_end_of_time_is_told_at_its_field(
    shop: Shop, operator: StaffClient, ends: str
) -> None:
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)

    answer = await operator.post(path, good_id=str(shop.good_id), price="9.00", reason="because of it", ends=ends)

    assert answer.status_code in (303, 422)
    if answer.status_code == 422:
        assert error_at(answer, "ends") != ""


@pytest.mark.parametrize("at", ["9999-12-31", "0001-01-01 00:00"])
async def test_a_change_of_prices_is_not_scheduled_outside_of_time(shop: Shop, operator: StaffClient, at: str) -> None:
    path = f"/tenants/{shop.tenant.id}/prices"
    await operator.get(path)
    drafted = await operator.post(path, good_id=str(shop.good_id), price="7.00", reason="because of it")
    change = drafted.headers["location"]

    answer = await operator.post(f"{change}/schedule", apply_at=at)

    assert answer.status_code in (303, 422)


@pytest.mark.parametrize("number", ["D\u0000-1", "D\ud800", "D\n1", "\u202e1-D"])
async def test_an_order_by_machine_with_an_odd_number_is_told_of_or_not_made(
    shop: Shop, machine: Machines, number: str
) -> None:
    """Not charged and then refused with an error of the server, which the caller takes for a reason to try again."""
    buyer = await member(shop)
    await fill(shop, buyer, 10_000)
    client = await machine(shop, buyer)

    answer = await client.post("/orders", {"sku_id": shop.product_id, "quantity": 1, "downstream_order_no": number})

    assert answer.status_code < 500, answer.text
    left = await shop.wallet_cents(buyer)
    assert left == (9_000 if answer.json().get("ok") else 10_000)


def rewritten(book: bytes, old: bytes, new: bytes) -> bytes:
    """The same file with something else in its sheet."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(made, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(old, new))
    return made.getvalue()


def flipped(book: bytes, at: int) -> bytes:
    return book[:at] + bytes(byte ^ 255 for byte in book[at : at + 30]) + book[at + 30 :]


BROKEN_SHEETS: dict[str, Callable[[bytes], bytes]] = {
    "encrypted": lambda book: book.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
    "damaged": lambda book: flipped(book, book.index(b"xl/worksheets/sheet1.xml") + 40),
    "cut off": lambda book: book[: len(book) // 2],
    "of another tool": lambda book: rewritten(book, b"<workbookView ", b'<workbookView strange="1" '),
}


@pytest.mark.parametrize("how", BROKEN_SHEETS, ids=list(BROKEN_SHEETS))
def test_a_broken_price_list_is_told_to_be_unreadable(how: str) -> None:
    book = sheets.write(sheets.XLSX, ["Good no.", "Price or rule"], [[1, "8.00"]])
    broken = BROKEN_SHEETS[how](book)
    assert broken != book

    with pytest.raises(Unreadable):
        sheets.read(broken)


def test_a_picture_whose_camera_lies_is_told_to_be_broken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x011A] = IFDRational(72, 1)
    sent = io.BytesIO()
    Image.new("RGB", (64, 64)).save(sent, "JPEG", exif=exif.tobytes())
    picture = bytearray(sent.getvalue())
    entry = max(picture.find(b"\x01\x1a\x00\x05"), picture.find(b"\x1a\x01\x05\x00"))
    assert entry > 0

    for at in range(entry - 12, entry + 12):
        for value in range(16):
            lying = bytearray(picture)
            lying[at] = value
            with suppress(BadPicture), catch_warnings():
                simplefilter("ignore")
                assert drawing.redraw(bytes(lying), "logo").width <= 64


@pytest.mark.parametrize("where", ["cell", "name", "head"])
async def test_a_list_of_stations_with_nul_is_told_of(operator: StaffClient, where: str) -> None:
    await operator.get("/tenants/imports")
    head = "name,slug,tier" + (",no\x00tice" if where == "head" else "")
    body = head + "\na" + ("\x00" if where == "cell" else "") + "b,slug-x,T\n"
    name = "a\x00b.csv" if where == "name" else "a.csv"

    answer = await operator.http.post(
        "/tenants/imports",
        data={"csrf_token": operator.token},
        files={"file": (name, body.encode())},
        headers={"Origin": operator.origin},
    )
    pasted = await operator.post("/tenants/imports", pasted=body)

    assert answer.status_code in (303, 422)
    assert pasted.status_code in (303, 422)
