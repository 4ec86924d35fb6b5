"""A buyer chooses a card of the master's stock by its label: he gets that one or none."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.cards import imports
from kameng.cards.batches import BatchDraft
from kameng.cards.formats import Rule
from kameng.cards.imports import By
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.orders import service
from tenants.orders.errors import CardTaken
from tenants.orders.states import State
from tenants.toggles.flags import DEFAULTS
from tenants.toggles.reading import Reading
from tests.support.browser_client import OpenBrowser, browser
from tests.support.house import Shop, open_shop, work_off
from tests.tenants.orders import stall
from tests.tenants.storefront.steps import buy as buy_by_form
from tests.tenants.storefront.steps import member

__all__ = ["browser"]

LINES = [f"1380{n}----SECRET-{n}" for n in range(5)]
RULE = Rule(separator="----", parts=2, label_part=1, secret_part=2)
HOLDING = Reading({**DEFAULTS, "shop.hold_stock": True, "shop.unpaid_orders": 100})
NOT_HOLDING = Reading({**DEFAULTS, "shop.hold_stock": False})


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Sells `SECRET-0` to `SECRET-4` of the master's stock under the numbers 13800 to 13804, for 2 yuan more."""
    shop = await open_shop(runtime, keys=["WITHOUT-A-LABEL"])
    sealer = await runtime.keyring.master()
    lines = list(enumerate(LINES, start=1))
    async with runtime.database.master_session() as session:
        await imports.send(session, sealer, BatchDraft(item_id=shop.good_id), RULE, lines, By("boss", ""))
    await work_off(runtime)
    await stall.change(shop, choosable=True, choice_price="2.00")
    return shop


async def numbers(shop: Shop) -> dict[str, UUID]:
    """What may be chosen: card by label."""
    async with shop.tenant.begin() as session:
        rows = await session.execute(
            text("SELECT label, id FROM card_choices(:id, '', 50, 0)"), {"id": shop.product_id}
        )
        return {row.label: row.id for row in rows}


async def place(
    shop: Shop, buyer: UUID, card_id: UUID, pay: str = service.WALLET, reading: Reading = HOLDING
) -> service.Placed:
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return await service.place(session, vault, buyer, stall.draft(shop, pay=pay, card_id=card_id), reading)


async def test_the_chosen_card_is_delivered_at_once_for_its_surcharge(shop: Shop, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser, wallet_cents=2_500)
    chosen = (await numbers(shop))["13803"]

    answer = await buy_by_form(buyer, shop, card_id=str(chosen))

    page = await buyer.get(answer.headers["location"])
    assert "SECRET-3" in page.text
    assert "¥12.00" in page.text
    assert "13803" not in await numbers(shop)


async def test_two_who_choose_the_same_card_do_not_both_get_it(shop: Shop) -> None:
    chosen = (await numbers(shop))["13801"]
    buyers = [await shop.buyer(wallet_cents=2_000) for _ in range(4)]

    ends = await asyncio.gather(*(place(shop, buyer, chosen) for buyer in buyers), return_exceptions=True)

    won = [end for end in ends if isinstance(end, service.Placed)]
    assert len(won) == 1
    assert await shop.keys(won[0].id) == [LINES[1]]
    assert all(isinstance(end, CardTaken) for end in ends if isinstance(end, KamengError))
    assert sorted([await shop.wallet_cents(buyer) for buyer in buyers]) == [800, 2_000, 2_000, 2_000]


@pytest.mark.parametrize("reading", [HOLDING, NOT_HOLDING], ids=["held", "not held"])
async def test_who_pays_later_gets_the_card_that_he_chose(shop: Shop, reading: Reading) -> None:
    pay = await stall.channel(shop)
    buyer = await shop.buyer(wallet_cents=1_200)
    placed = await place(shop, buyer, (await numbers(shop))["13804"], pay, reading)
    assert ("13804" in await numbers(shop)) is (reading is NOT_HOLDING)

    charged = await charge(shop, placed.no)

    assert charged.state is State.DELIVERED
    assert await shop.keys(placed.id) == [LINES[4]]


async def test_a_card_that_went_to_another_before_the_payment_is_not_replaced_by_any(shop: Shop) -> None:
    pay, chosen = await stall.channel(shop), (await numbers(shop))["13802"]
    late = await shop.buyer(wallet_cents=1_200)
    placed = await place(shop, late, chosen, pay, NOT_HOLDING)
    await place(shop, await shop.buyer(wallet_cents=1_200), chosen)

    with pytest.raises(CardTaken):
        await charge(shop, placed.no)

    assert await shop.wallet_cents(late) == 1_200
    assert await shop.keys(placed.id) == []


async def test_a_chosen_card_is_for_sale_again_when_the_order_is_called_off(shop: Shop) -> None:
    pay = await stall.channel(shop)
    placed = await place(shop, await shop.buyer(), (await numbers(shop))["13800"], pay)
    assert "13800" not in await numbers(shop)

    async with shop.tenant.begin() as session:
        await service.cancel(session, placed.id, "")

    assert "13800" in await numbers(shop)


async def test_nobody_chooses_of_a_good_that_his_station_may_not_sell(shop: Shop) -> None:
    stranger = await open_shop(shop.runtime, keys=["OTHER"])
    chosen = (await numbers(shop))["13800"]
    await stall.change(stranger, choosable=True)

    with pytest.raises(CardTaken):  # another good's card
        await place(stranger, await stranger.buyer(wallet_cents=2_000), chosen)
    async with stranger.tenant.begin() as session:
        taken = await session.execute(
            text("SELECT is_taken FROM take_chosen_card(gen_random_uuid(), :good, :card, 'claim')"),
            {"good": shop.good_id, "card": chosen},
        )
        assert taken.scalar_one() is False


async def test_the_sum_of_the_page_knows_the_surcharge(shop: Shop, browser: OpenBrowser) -> None:
    page = (await browser(shop.tenant).get(f"/p/{shop.product_id}")).text

    assert 'data-choice="card_id" data-choice-cents="200"' in page


async def charge(shop: Shop, no: str) -> service.Placed:
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return await service.charge(session, vault, no)
