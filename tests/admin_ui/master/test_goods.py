"""Goods, their offers, prices and cards."""

from decimal import Decimal

import httpx

from kameng.cards import service as cards
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, audited
from tests.support.house import Shop, work_off
from tests.support.prices import quoted
from tests.support.staff_client import StaffClient, error_at, text_of


async def in_pool(runtime: Runtime, good_id: int) -> int:
    async with runtime.database.master_session() as session:
        return (await cards.counts(session, [good_id])).get(good_id, 0)


async def test_imported_cards_are_counted_and_duplicates_are_told(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    path = f"/stock/{shop.good_id}"
    before = await in_pool(runtime, shop.good_id)
    keys = [f"NEW-{ids.code(8)}" for _ in range(3)]

    first = await paste(runtime, operator, path, [*keys, "", keys[0]])
    again = await paste(runtime, operator, path, keys)

    assert "Added cards 3 Twice in this file 1" in text_of(first)
    assert "Added cards 0 Twice in this file 0 For sale already 3" in text_of(again)
    assert await in_pool(runtime, shop.good_id) == before + 3
    listed = await operator.get(path)
    log = await operator.get("/audit")
    assert all(key not in page.text for key in keys for page in (first, again, listed, log))
    assert len(await audited(runtime, "cards.import", str(shop.good_id))) == 2
    good = await operator.get(f"/goods/{shop.good_id}")
    assert f'href="{path}"' in good.text


async def test_thousands_of_cards_go_in_by_one_paste(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    before = await in_pool(runtime, shop.good_id)

    lines = [f"{ids.code(16)}-{number:05}-{ids.code(16)}" for number in range(10_000)]
    page = await paste(runtime, operator, f"/stock/{shop.good_id}", lines)

    assert "Added cards 10,000" in text_of(page)
    assert await in_pool(runtime, shop.good_id) == before + 10_000


async def test_the_operator_exports_and_moves_cards_of_a_good(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    path = f"/stock/{shop.good_id}"
    await operator.get("/goods/new")
    added = await operator.post("/goods", name=f"Other {ids.code(6)}")
    other = int(added.headers["location"].rpartition("/")[2])

    exported = await operator.post(f"{path}/export", state="pool", everything="yes", password=PASSWORD)
    refused = await operator.post(f"{path}/export", state="pool", everything="yes", password="wrong one")
    moved = await operator.follow(await operator.post(f"{path}/move", state="pool", everything="yes", to_item=other))

    assert len(exported.text.splitlines()) == 5
    assert refused.status_code == 422
    assert "5 cards are moved" in moved.text
    assert await in_pool(runtime, other) == 5


async def paste(runtime: Runtime, operator: StaffClient, path: str, keys: list[str]) -> httpx.Response:
    """Pastes cards of a good, has them imported, and shows what became of them."""
    await operator.get(f"{path}/imports/new?how=paste")
    sent = await operator.post(f"{path}/imports/paste", keys="\r\n".join(keys), cost="5.00")
    await work_off(runtime)
    return await operator.follow(sent)


async def test_a_good_is_added_and_its_name_is_taken_then(operator: StaffClient) -> None:
    name = f"Gift card {ids.code(6)}"
    await operator.get("/goods/new")

    page = await operator.follow(await operator.post("/goods", name=name, usage_note="line 1\nline 2"))
    assert "No offer sells now" in text_of(page)
    answer = await operator.post("/goods", name=name)

    assert answer.status_code == 422
    assert error_at(answer, "name") == "There is a good of this name already."
    assert name in text_of(await operator.get(f"/goods?q={name[-6:]}"))


async def test_an_offer_is_added_changed_and_paused(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    mark = ids.code(6)
    await operator.get("/suppliers/new")
    supplier = await operator.follow(
        await operator.post(
            "/suppliers",
            protocol="sandbox",
            name=f"Upstream {mark}",
            base_url="http://127.0.0.1:9",
            account="demo",
            secret_password="do-not-show",
        )
    )
    assert "do-not-show" not in supplier.text
    number = supplier.url.path.rpartition("/")[2]
    path = f"/goods/{shop.good_id}/offers"

    page = await operator.follow(
        await operator.post(path, supplier_id=number, sku="A-1", cost="4.2", stock="", priority="3")
    )
    assert "Best cost ¥4.20" in text_of(page)
    same = await operator.post(path, supplier_id=number, sku="A-1", cost="4", priority="0")
    assert "offers this article already" in error_at(same, "sku")

    offer = page.text.rpartition(f'href="{path}/')[2].partition('"')[0]
    page = await operator.follow(await operator.post(f"{path}/{offer}", sku="A-2", cost="4.5", stock="7", priority="1"))
    assert "Best cost ¥4.50" in text_of(page)
    page = await operator.follow(await operator.post(f"{path}/{offer}/pause", paused="yes"))
    assert "Best cost ¥5.00" in text_of(page)
    for action in ("offers.add", "offers.change", "offers.pause"):
        assert len(await audited(runtime, action, offer)) == 1


async def test_an_offer_is_not_changed_at_another_goods_address(shop: Shop, operator: StaffClient) -> None:
    page = await operator.get(f"/goods/{shop.good_id}")
    offer = page.text.partition(f'href="/goods/{shop.good_id}/offers/')[2].partition("/")[0].partition('"')[0]

    answer = await operator.get(f"/goods/{shop.good_id + 1_000_000}/offers/{offer}")

    assert answer.status_code == 404


async def test_a_withdrawn_good_is_sold_out_at_every_station(shop: Shop, operator: StaffClient) -> None:
    await operator.get(f"/goods/{shop.good_id}")

    await operator.follow(await operator.post(f"/goods/{shop.good_id}/withdraw", paused="yes"))
    assert await quoted(shop) is None

    await operator.follow(await operator.post(f"/goods/{shop.good_id}/withdraw"))
    assert await quoted(shop) == Decimal("8.0000")
