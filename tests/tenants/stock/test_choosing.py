"""Buyers choose a card by its open part, of products that say so; nothing else of it is shown."""

import pytest
from sqlalchemy import text

from kameng.cards import imports
from kameng.cards.batches import BatchDraft
from kameng.cards.formats import Rule
from kameng.cards.imports import By
from kameng.infra.runtime import Runtime
from tenants.stock import queries
from tests.kameng.cards.conftest import Stock
from tests.support.browser_client import OpenBrowser
from tests.support.house import open_shop, work_off

RULE = Rule(separator="----", parts=2, label_part=1, secret_part=2)
LINES = [f"138{number:04}88----SECRET-{number:04}" for number in range(30)]
CHOICE = 'name="card_id" value="0'  # "any of them" has no value
CHOOSABLE = "UPDATE products SET choosable = true WHERE id = :item RETURNING id"


async def test_numbers_are_shown_searched_and_leafed_through(stock: Stock, browser: OpenBrowser) -> None:
    await stock.add(LINES, RULE)
    await stock.rows(CHOOSABLE)
    buyer = browser(stock.shop.tenant)
    path = f"/products/{stock.product_id}/numbers"

    first = await buyer.get(path)
    second = await buyer.get(f"{path}?page=2")
    found = await buyer.get(f"{path}?number=002988")
    none = await buyer.get(f"{path}?number=999999")

    assert first.text.count(CHOICE) == queries.CHOICES_ON_A_PAGE
    assert second.text.count(CHOICE) == len(LINES) - queries.CHOICES_ON_A_PAGE
    assert found.text.count(CHOICE) == 1
    assert "138002988" in found.text
    assert CHOICE not in none.text
    assert "SECRET" not in first.text + second.text + found.text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE products SET choosable = false WHERE id = :item RETURNING id",
        "UPDATE products SET state = 'hidden' WHERE id = :item RETURNING id",
        "UPDATE products SET archived_at = now(), state = 'hidden' WHERE id = :item RETURNING id",
    ],
)
async def test_what_is_not_to_be_chosen_from_shows_nothing(stock: Stock, browser: OpenBrowser, change: str) -> None:
    await stock.add(LINES, RULE)
    await stock.rows(CHOOSABLE)
    await stock.rows(change)

    answer = await browser(stock.shop.tenant).get(f"/products/{stock.product_id}/numbers")

    assert answer.status_code == 404


async def test_the_masters_cards_are_chosen_from_where_the_station_may_and_nowhere_else(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    shop = await open_shop(runtime, keys=["WITHOUT-A-LABEL"])
    stranger = await open_shop(runtime, keys=["OTHER"])
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        lines = list(enumerate(LINES[:3], start=1))
        await imports.send(session, sealer, BatchDraft(item_id=shop.good_id), RULE, lines, By("boss", ""))
    await work_off(runtime)
    make = text("UPDATE products SET choosable = true, good_id = :good WHERE id = :id")
    async with shop.tenant.begin() as session:
        closed = await session.execute(text("SELECT * FROM card_choices(:id, '', 10, 0)"), {"id": shop.product_id})
        assert closed.all() == []
        await session.execute(make, {"id": shop.product_id, "good": shop.good_id})
    async with stranger.tenant.begin() as session:  # whose master offers it no such good
        await session.execute(make, {"id": stranger.product_id, "good": shop.good_id})

    ours = await browser(shop.tenant).get(f"/products/{shop.product_id}/numbers")
    theirs = await browser(stranger.tenant).get(f"/products/{stranger.product_id}/numbers")

    assert ours.text.count(CHOICE) == 3
    assert theirs.text.count(CHOICE) == 0
