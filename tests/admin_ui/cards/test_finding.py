"""Lists of cards: leafed through, searched by the whole key, in clear only if somebody asks, which is written down."""

import io

import openpyxl

from kameng.cards import shelves
from kameng.identity.permissions import Role
from tests.admin_ui.cards.conftest import Room, sell
from tests.admin_ui.conftest import PASSWORD, SignIn, audited
from tests.support.staff_client import error_at, text_of


async def test_a_long_list_is_leafed_through_without_a_gap(room: Room) -> None:
    await room.paste(*[f"KEY-{number:04}-PAGE" for number in range(shelves.SIZE + 7)])
    ids = await room.ids()

    first = await room.client.get(room.path)
    link = first.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await room.client.get(link)

    assert [card for card in ids if f"/cards/{card}" in first.text] == ids[: shelves.SIZE]
    assert [card for card in ids if f"/cards/{card}" in second.text] == ids[shelves.SIZE :]
    assert 'rel="next"' not in second.text
    assert "KEY-0001-PAGE" not in first.text


async def test_a_card_is_found_by_its_whole_key_wherever_it_lies(room: Room) -> None:
    await room.paste("AAAA-1111-POOL", "BBBB-2222-COLD", "CCCC-3333-SOLD")
    ids = await room.ids()
    await room.act("freeze", state="pool", id=[ids[1]])
    await sell(room, ids[2])

    for key, card, state in zip(
        ("AAAA-1111-POOL", "BBBB-2222-COLD", "CCCC-3333-SOLD"), ids, ("For sale", "Frozen", "Sold"), strict=True
    ):
        page = await room.client.get(f"{room.path}?q={key}")
        assert f"/cards/{card}" in page.text
        assert state in text_of(page).partition("There since")[2]
    part = await room.client.get(f"{room.path}?q=AAAA-1111")
    assert "No card fits" in part.text


async def test_the_sold_cards_of_a_batch_are_listed_and_counted(room: Room) -> None:
    page = await room.paste("AAAA-1111-POOL", "BBBB-2222-SOLD", "CCCC-3333-POOL")
    ids = await room.ids()
    await sell(room, ids[1])
    ((batch,),) = await room.stock.rows("SELECT id FROM card_batches")

    sold = await room.client.get(f"{room.path}?state=sold&batch={batch}")
    batches = await room.client.get(f"{room.path}/batches?q=老王")

    assert f"/cards/{ids[1]}" in sold.text
    assert not any(f"/cards/{card}" in sold.text for card in (ids[0], ids[2]))
    assert "No batch fits" in batches.text
    found = await room.client.get(f"{room.path}/batches/{batch}")
    assert "For sale 2" in text_of(found)
    assert "Sold 1" in text_of(found)
    assert "See its cards" in page.text


async def test_the_batch_is_renamed_and_the_log_knows_both_names(room: Room) -> None:
    await room.paste("AAAA-1111-POOL", supplier="老李")
    ((batch,),) = await room.stock.rows("SELECT id FROM card_batches")
    path = f"{room.path}/batches/{batch}"
    await room.client.get(path)

    page = await room.client.follow(await room.client.post(path, supplier="老王", note="六月"))

    assert "老王" in text_of(page)
    rows = await room.stock.rows("SELECT before, after FROM audit_log WHERE action = 'cards.batch'")
    assert [(row.before["supplier"], row.after["supplier"]) for row in rows] == [("老李", "老王")]


async def test_looking_at_a_key_in_clear_is_written_down(room: Room) -> None:
    await room.paste("AAAA-1111-CLEAR")
    (card,) = await room.ids()
    path = f"{room.path}/cards/{card}"
    hidden = await room.client.get(path)

    clear = await room.client.post(f"{path}/reveal", confirmed="yes")
    after = await room.client.get(path)

    assert "AAAA-1111-CLEAR" not in hidden.text + after.text
    assert "Nobody has seen it in clear yet." in hidden.text
    assert "AAAA-1111-CLEAR" in clear.text
    assert clear.headers["cache-control"] == "no-store"
    assert "Seen on a page" in text_of(after)
    assert (
        len(await audited(room.stock.shop.runtime, "cards.reveal", str(room.stock.product_id), room.stock.shop.tenant))
        == 1
    )


async def test_cards_are_exported_with_the_password_only_and_no_more_than_were_asked_for(room: Room) -> None:
    keys = [f"={number:04}-EXPORT" for number in range(4)]
    await room.paste(*keys)
    ids = await room.ids()
    await room.client.get(room.path)
    path = f"{room.path}/export"

    form = await room.client.post(f"{path}/chosen", state="pool", id=ids[:2])
    wrong = await room.client.post(path, state="pool", id=ids[:2], kind="txt", password="not mine at all")
    text = await room.client.post(path, state="pool", id=ids[:2], kind="txt", password=PASSWORD)
    sheet = await room.client.post(path, state="pool", everything="yes", kind="xlsx", password=PASSWORD)
    table = await room.client.post(path, state="pool", everything="yes", kind="csv", password=PASSWORD)

    assert "Export 2 cards in clear" in form.text
    assert wrong.status_code == 422
    assert error_at(wrong, "password") == "This is not your password."
    assert text.text.splitlines() == keys[:2]
    rows = list(openpyxl.load_workbook(io.BytesIO(sheet.content)).worksheets[0].iter_rows(values_only=True))
    assert [row[0] for row in rows] == ["key", *keys]
    assert all(f"'{key}" in table.text for key in keys)
    log = await room.stock.rows("SELECT detail FROM audit_log WHERE action = 'cards.export' ORDER BY id")
    assert [row.detail["cards"] for row in log] == [2, 4, 4]


async def test_only_the_owner_exports(room: Room, sign_in: SignIn) -> None:
    await room.paste("AAAA-1111-POOL")
    deputy = await sign_in(room.stock.shop.tenant, Role.DEPUTY)
    page = await deputy.get(room.path)

    answer = await deputy.post(f"{room.path}/export", state="pool", everything="yes", password=PASSWORD)

    assert "Freeze" in page.text
    assert "Export" not in text_of(page)
    assert answer.status_code == 403
