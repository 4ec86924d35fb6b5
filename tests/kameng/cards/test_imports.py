"""Importing cards: every line becomes one card or is told of, whatever happens to the worker."""

import asyncio

import pytest

from kameng.cards import import_queries, imports
from kameng.cards.batches import BatchDraft
from kameng.cards.errors import ImportGone, ImportOver
from kameng.cards.formats import Rule
from kameng.cards.imports import By, Rejected
from tests.kameng.cards.conftest import Stock
from tests.support.house import work_off

CARD = "id, item_id, secret, fingerprint, cost_cents, batch_id, label"
TAKE = "WITH c AS (DELETE FROM card_pool WHERE id = :id RETURNING *) INSERT INTO "
FREEZE = f"{TAKE} card_aside ({CARD}, state) SELECT {CARD}, 'frozen' FROM c RETURNING id"  # noqa: S608
HOLD = f"{TAKE} card_held ({CARD}, order_ref) SELECT {CARD}, gen_random_uuid() FROM c RETURNING id"  # noqa: S608
SELL = f"{TAKE} card_issued ({CARD}, order_ref) SELECT {CARD}, gen_random_uuid() FROM c RETURNING id"  # noqa: S608


async def rejected(stock: Stock, import_id: int) -> list[Rejected]:
    return [one async for part in imports.rejected(stock.place, stock.product_id, import_id) for one in part]


async def test_lines_become_cards_in_their_order(stock: Stock) -> None:
    lines = [f"KEY-{number:05}" for number in range(6_000)]

    done = await stock.add(lines, cost_cents=450)

    assert (done.state, done.added, done.duplicates, done.bad) == ("done", 6_000, 0, 0)
    assert await stock.secrets() == lines
    ((batch,),) = await stock.rows("SELECT added FROM card_batches WHERE id = :id", id=done.batch_id)
    assert batch == 6_000
    assert {row.cost_cents for row in await stock.rows("SELECT DISTINCT cost_cents FROM card_pool")} == {450}


async def test_duplicates_are_told_by_where_the_other_one_is(stock: Stock) -> None:
    await stock.add(["AAAA-POOL-1", "AAAA-FROZEN-2", "AAAA-HELD-3", "AAAA-SOLD-4"])
    ids = [row.id for row in await stock.rows("SELECT id FROM card_pool ORDER BY id")]
    for sql, one in zip((FREEZE, HOLD, SELL), ids[1:], strict=True):
        await stock.rows(sql, id=one)

    done = await stock.add(
        ["AAAA-NEW-5", "AAAA-POOL-1", "AAAA-FROZEN-2", "AAAA-HELD-3", "AAAA-SOLD-4", "AAAA-NEW-5", "  "]
    )

    assert (done.added, done.in_pool, done.known, done.in_file, done.bad) == (1, 1, 3, 1, 1)
    told = {one.line: (one.why, one.shown) for one in await rejected(stock, done.id)}
    assert told[2] == ("in_pool", "AA…-1")
    assert told[3][0] == told[4][0] == told[5][0] == "known"
    assert told[6] == ("in_file", "AA…-5")


async def test_a_line_that_is_twice_in_the_file_is_told_so_across_parts(stock: Stock) -> None:
    lines = [f"KEY-{number:06}" for number in range(imports.PART)]

    done = await stock.add([*lines, lines[0], lines[1], "LAST-ONE-1"])

    assert (done.added, done.in_file, done.in_pool) == (imports.PART + 1, 2, 0)


async def test_bad_lines_are_kept_as_they_were_sent_and_good_ones_are_not(stock: Stock) -> None:
    rule = Rule(separator="----", parts=2, label_part=1, secret_part=2, charset="digits", min_length=6)

    done = await stock.add(["user1----123456", "user2----12345", "nothing", "user3----abcdef", "user4----999999"], rule)

    assert (done.added, done.bad) == (2, 3)
    assert [(one.line, one.why, one.shown) for one in await rejected(stock, done.id)] == [
        (2, "too_short", "user2----12345"),
        (3, "parts", "nothing"),
        (4, "charset", "user3----abcdef"),
    ]
    labels = await stock.rows("SELECT label FROM card_pool ORDER BY id")
    assert [row.label for row in labels] == ["user1", "user4"]
    assert await stock.secrets() == ["user1----123456", "user4----999999"]


async def test_lines_lie_nowhere_in_clear_and_are_gone_when_they_are_done(stock: Stock) -> None:
    import_id = await stock.send(["TOP-SECRET-LINE-1"])
    ((waiting,),) = await stock.rows("SELECT body FROM card_import_parts WHERE import_id = :id", id=import_id)

    await work_off(stock.shop.runtime)

    assert b"TOP-SECRET" not in bytes(waiting)
    rest = await stock.rows("SELECT body, rejected FROM card_import_parts WHERE import_id = :id", id=import_id)
    assert [tuple(row) for row in rest] == [(None, None)]


async def test_an_import_that_was_stopped_half_way_goes_on_and_takes_no_line_twice(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"KEY-{number:06}" for number in range(imports.PART * 3)]
    import_id = await stock.send(lines)
    with monkeypatch.context() as patched:
        patched.setattr(imports, "TURN_S", 0.0)
        await imports.work(stock.place, import_id)  # one part, and the event for the rest
    half = await stock.found(import_id)
    await work_off(stock.shop.runtime)
    await imports.work(stock.place, import_id)  # the same message once more

    done = await stock.found(import_id)
    assert (half.state, half.done) == ("running", imports.PART)
    assert (done.state, done.added, done.duplicates) == ("done", len(lines), 0)
    assert await stock.secrets() == lines


async def test_two_workers_at_one_import_add_each_line_once(stock: Stock) -> None:
    lines = [f"KEY-{number:06}" for number in range(imports.PART * 2)]
    import_id = await stock.send(lines)

    await asyncio.gather(*(imports.work(stock.place, import_id) for _ in range(3)))
    await work_off(stock.shop.runtime)

    done = await stock.found(import_id)
    assert (done.state, done.added, done.duplicates) == ("done", len(lines), 0)


async def test_a_cancelled_import_keeps_what_it_has_added_and_forgets_the_rest(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await stock.send([f"KEY-{number:06}" for number in range(imports.PART * 2)])
    with monkeypatch.context() as patched:
        patched.setattr(imports, "TURN_S", 0.0)
        await imports.work(stock.place, import_id)

    async with stock.place.begin() as session:
        done = await imports.cancel(session, stock.product_id, import_id)
    await work_off(stock.shop.runtime)

    assert (done.state, done.added) == ("cancelled", imports.PART)
    assert len(await stock.secrets()) == imports.PART
    left = await stock.rows("SELECT 1 FROM card_import_parts WHERE import_id = :id AND body IS NOT NULL", id=import_id)
    assert left == []
    with pytest.raises(ImportOver):
        async with stock.place.begin() as session:
            await imports.cancel(session, stock.product_id, import_id)


async def test_an_import_is_not_found_at_another_item(stock: Stock) -> None:
    import_id = await stock.send(["ONE-KEY-1"])

    with pytest.raises(ImportGone):
        async with stock.place.begin() as session:
            await imports.cancel(session, stock.product_id + 1, import_id)


async def test_the_master_imports_with_the_same_code(stock: Stock) -> None:
    runtime = stock.shop.runtime
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        draft = BatchDraft(item_id=stock.shop.good_id, made_by="boss")
        lines = [(1, "MASTER-KEY-1"), (2, "MASTER-KEY-1"), (3, "MASTER-KEY-2")]
        import_id = await imports.send(session, sealer, draft, Rule(), lines, By("boss", "::1"), file_name="keys.txt")

    await work_off(runtime)

    async with runtime.database.master_session() as session:
        done = await import_queries.find(session, stock.shop.good_id, import_id)
    assert (done.state, done.added, done.in_file) == ("done", 2, 1)
