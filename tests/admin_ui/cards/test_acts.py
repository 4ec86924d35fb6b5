"""Many cards at once: set aside, taken back, moved, thrown away; what was sold meanwhile stays sold."""

import asyncio

from sqlalchemy import text

from kameng.cards import acts
from kameng.cards.shelves import Chosen
from tests.admin_ui.cards.conftest import Room, sell
from tests.admin_ui.conftest import audited
from tests.support.staff_client import text_of

KEYS = [f"KEY-{number:04}-ABCD" for number in range(6)]


async def test_selected_cards_are_frozen_and_thawed_to_their_old_place(room: Room) -> None:
    await room.paste(*KEYS)
    ids = await room.ids()

    frozen = await room.act("freeze", state="pool", id=ids[:2])
    left = await room.stock.secrets()
    aside = await room.client.get(f"{room.path}?state=frozen")
    thawed = await room.act("restore", state="frozen", id=ids[:2])

    assert "2 cards are frozen." in frozen.text
    assert left == KEYS[2:]
    assert all(card in aside.text for card in ids[:2])
    assert "2 cards are for sale again." in thawed.text
    assert await room.stock.secrets() == KEYS
    log = await audited(room.stock.shop.runtime, "cards.freeze", str(room.stock.product_id), room.stock.shop.tenant)
    assert len(log) == 1


async def test_a_card_that_was_sold_meanwhile_is_not_moved_and_the_answer_says_so(room: Room) -> None:
    await room.paste(*KEYS[:3])
    ids = await room.ids()
    await sell(room, ids[1])

    page = await room.act("freeze", state="pool", id=ids)

    assert "2 cards are frozen. 1 was sold or moved meanwhile" in text_of(page)
    assert await room.ids("card_aside") == [ids[0], ids[2]]
    assert await room.ids("card_issued") == [ids[1]]


async def test_all_cards_of_a_batch_are_recycled_and_those_of_others_stay(room: Room) -> None:
    await room.paste(*KEYS[:3])
    await room.paste(*KEYS[3:])
    ((first,), _) = await room.stock.rows("SELECT id FROM card_batches ORDER BY id")

    page = await room.act("recycle", state="pool", everything="yes", batch=str(first))

    assert "3 cards are in the recycle bin." in page.text
    assert await room.stock.secrets() == KEYS[3:]
    batch = await room.client.get(f"{room.path}/batches/{first}")
    assert "For sale 0" in text_of(batch)
    assert "In the recycle bin 3" in text_of(batch)


async def test_the_bin_is_emptied_only_when_the_name_is_typed_and_the_keys_can_come_again(room: Room) -> None:
    await room.paste(*KEYS)
    await room.act("recycle", state="pool", everything="yes")
    ((name,),) = await room.stock.rows("SELECT name FROM products WHERE id = :item")

    refused = await room.act("empty", name="something else")
    kept = len(await room.ids("card_aside"))
    done = await room.act("empty", name=name)

    assert "Nothing was deleted" in refused.text
    assert kept == len(KEYS)
    assert "6 cards are deleted for ever." in done.text
    batches = await room.client.get(f"{room.path}/batches")
    assert "Added cards 6" in text_of(await room.paste(*KEYS))
    assert "6 0 0 0" in text_of(batches)  # added, for sale, set aside, sold: deleted ones do not count as sold


async def test_moved_cards_are_sold_as_the_other_product_and_a_secret_that_is_there_stays(room: Room) -> None:
    await room.paste(*KEYS[:3])
    other = await room.other_product()
    there = Room(stock=room.stock, client=room.client)
    await room.act("move", state="pool", id=[(await room.ids())[0]], to_item=str(other))
    await there.paste(KEYS[0])

    page = await room.act("move", state="pool", everything="yes", to_item=str(other))

    assert "2 cards are moved to 另一个. 1 was sold or moved meanwhile, or is there already." in text_of(page)
    assert await room.stock.secrets() == [KEYS[0]]
    rows = await room.stock.rows("SELECT count(*) FROM card_pool WHERE item_id = :other", other=other)
    assert rows[0][0] == 3


async def test_cards_are_not_moved_to_what_has_no_stock_of_its_own(room: Room) -> None:
    await room.paste(*KEYS)
    await room.client.get(room.path)

    answer = await room.client.post(
        f"{room.path}/move", state="pool", everything="yes", to_item=str(room.stock.shop.product_id)
    )

    assert answer.status_code == 404
    assert await room.stock.secrets() == KEYS


async def test_without_a_place_to_go_nothing_is_moved(room: Room) -> None:
    await room.paste(*KEYS)

    page = await room.act("move", state="pool", everything="yes", to_item="")

    assert "Choose where the cards are to go." in page.text
    assert await room.stock.secrets() == KEYS


async def test_acts_race_with_sales_and_each_card_is_in_one_place(room: Room) -> None:
    await room.paste(*[f"KEY-{number:04}-RACE" for number in range(300)])
    claim = text(
        "WITH c AS (DELETE FROM card_pool WHERE id IN (SELECT id FROM card_pool WHERE item_id = :item ORDER BY id"
        " LIMIT 3 FOR UPDATE SKIP LOCKED) RETURNING *) INSERT INTO card_issued"
        " (id, item_id, secret, fingerprint, batch_id, order_ref)"
        " SELECT id, item_id, secret, fingerprint, batch_id, gen_random_uuid() FROM c RETURNING id"
    )
    item, place = room.stock.product_id, room.stock.place

    async def buy() -> int:
        async with place.begin() as session:
            return len((await session.execute(claim, {"item": item})).all())

    async def freeze() -> int:
        async with place.begin() as session:
            return await acts.set_aside(session, place.sealer, Chosen(item_id=item), "frozen", "老王")

    async def thaw() -> int:
        async with place.begin() as session:
            return await acts.take_back(session, place.sealer, Chosen(item_id=item, state="frozen"))

    done = await asyncio.gather(*(work() for _ in range(12) for work in (buy, freeze, thaw)))

    rows = await room.stock.rows(
        "SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE sold) FROM ("
        " SELECT id, false AS sold FROM card_pool UNION ALL SELECT id, false FROM card_aside"
        " UNION ALL SELECT id, true FROM card_issued) found"
    )
    assert tuple(rows[0]) == (300, 300, sum(done[0::3]))
    assert sum(done[1::3]) > 0


async def test_nothing_chosen_does_nothing(room: Room) -> None:
    await room.paste(*KEYS)
    await room.client.get(room.path)

    for fields in ({"state": "pool"}, {"state": "sold", "everything": "yes"}, {"state": "held", "everything": "yes"}):
        answer = await room.client.post(f"{room.path}/recycle", **fields)
        assert answer.status_code in (409, 422)

    assert await room.stock.secrets() == KEYS
