"""What acg-faka shops sell: variants, ladders, chosen cards, top-ups by hand."""

import asyncio
from decimal import Decimal

import pytest

from kameng.core import ids
from kameng.infra.http import Outbound
from supplier_gateway.adapters.acg.client import AcgAdapter
from supplier_gateway.adapters.acg.v4 import Acg4Adapter
from supplier_gateway.port import Answer, Fault, GoodField, Order, Outcome, SupplierGood, SupplierUnavailable
from tests.support.acg_shop import APP_ID, APP_KEY, AcgShop

VIDEO = {
    "code": "VIDEO", "name": "视频会员", "category": "影音", "user_price": "9",
    "config": "[category]\n月卡=10\n年卡=98\n[category_wholesale]\n月卡.10=9.5\n[sku]\n地区.国内=0\n地区.海外=2.5",
}  # fmt: skip
PHONE = {
    "code": "PHONE", "name": "话费", "category": "充值", "user_price": "48.9", "delivery_way": 1, "takes_s": 0.3,
    "widgets": [{"cn": "手机号", "name": "phone", "regex": "^1[0-9]{10}$", "placeholder": "11 位"}],
}  # fmt: skip


@pytest.fixture
def adapter(acg_shop: AcgShop, outbound: Outbound) -> AcgAdapter:
    acg_shop.stage()
    acg_shop.balance(1_000_000)
    acg_shop.items(VIDEO, PHONE)
    return AcgAdapter(acg_shop.url, APP_ID, APP_KEY, outbound, 2.0)


def order(sku: str, quantity: int, most: str, kind: str = "cards", **inputs: str) -> Order:
    return Order(f"KM{ids.code(20)}", sku, quantity, Decimal(most), kind, inputs)


async def of_item(adapter: AcgAdapter | Acg4Adapter, item: str) -> dict[str, SupplierGood]:
    return {good.variant: good for good in (await adapter.goods()).goods if good.item == item}


async def test_each_variant_is_an_offer_with_its_own_price_and_ladder(adapter: AcgAdapter) -> None:
    found = await of_item(adapter, "VIDEO")

    assert {variant: str(good.cost) for variant, good in found.items()} == {
        "月卡 国内": "10", "月卡 海外": "12.5", "年卡 国内": "98", "年卡 海外": "100.5",
    }  # fmt: skip
    monthly = found["月卡 海外"]
    assert (monthly.sku, monthly.name, monthly.category) == (
        "VIDEO?race=月卡&地区=海外", "视频会员 月卡 海外", "影音",
    )  # fmt: skip
    assert monthly.ladder == ((10, Decimal("12.0")),)


async def test_a_variant_is_bought_at_the_price_of_its_step(adapter: AcgAdapter) -> None:
    single = await adapter.buy(order("VIDEO?race=月卡&地区=海外", 1, "12.5"))
    many = await adapter.buy(order("VIDEO?race=月卡&地区=海外", 10, "12.0"))

    assert (single.outcome, single.cost_cents) == (Outcome.DELIVERED, 1250)
    assert (many.outcome, many.cost_cents, len(many.cards)) == (Outcome.DELIVERED, 12_000, 10)


async def test_a_variant_that_the_shop_has_not_is_a_definite_no(adapter: AcgAdapter) -> None:
    answer = await adapter.buy(order("VIDEO?race=周卡", 1, "99"))

    assert (answer.outcome, answer.detail) == (Outcome.FAILED, "请选择商品种类")


async def test_a_chosen_card_has_its_surcharge_and_is_sold_once(acg_shop: AcgShop, adapter: AcgAdapter) -> None:
    acg_shop.items(
        {
            "code": "ID", "name": "靓号", "category": "账号", "user_price": "30",
            "drafts": {"7": "尾号 888"}, "draft_premium": "5",
        }
    )  # fmt: skip
    assert await adapter.drafts("ID") == [(7, "尾号 888")]

    chosen = await adapter.buy(order("ID?card_id=7", 1, "35"))
    again = await adapter.buy(order("ID?card_id=7", 1, "35"))

    assert (chosen.outcome, chosen.cost_cents) == (Outcome.DELIVERED, 3500)
    assert (again.outcome, again.fault) == (Outcome.FAILED, Fault.OUT_OF_STOCK)


async def test_a_topup_by_hand_is_pending_until_the_shop_has_done_it(acg_shop: AcgShop, adapter: AcgAdapter) -> None:
    (good,) = (await of_item(adapter, "PHONE")).values()
    assert (good.kind, good.fields) == (
        "topup", (GoodField("手机号", pattern="^1[0-9]{10}$", hint="11 位"),),
    )  # fmt: skip
    asked = order("PHONE", 1, "48.9", "topup", 手机号="13800000000")

    bought = await adapter.buy(asked)
    assert (bought.outcome, bought.cost_cents, bought.message) == (Outcome.PENDING, 4890, "")
    done = await ended(adapter, asked, bought)

    assert (done.outcome, done.cost_cents, done.delivered_quantity, done.cards) == (Outcome.DELIVERED, 4890, 1, ())
    assert done.message
    (made,) = [made for made in acg_shop.orders() if made["reference"] == asked.reference]
    assert made["inputs"] == {"phone": "13800000000"}


async def test_a_sentence_in_place_of_a_card_is_no_card(acg_shop: AcgShop, adapter: AcgAdapter) -> None:
    acg_shop.items({"code": "LAST", "name": "最后一张", "category": "卡", "user_price": "5", "takes_s": 0.3})
    asked = order("LAST", 1, "5")

    bought = await adapter.buy(asked)
    assert (bought.outcome, bought.cost_cents, bought.cards) == (Outcome.PENDING, 500, ())
    done = await ended(adapter, asked, bought)

    assert (done.outcome, done.cost_cents) == (Outcome.DELIVERED, 500)
    assert done.cards[0].startswith("ACG-")


async def test_a_sentence_in_place_of_a_card_is_unknown_where_nobody_can_be_asked_later(
    acg_shop: AcgShop, adapter: AcgAdapter, outbound: Outbound
) -> None:
    acg_shop.items({"code": "LAST", "name": "最后一张", "category": "卡", "user_price": "5", "takes_s": 5})
    fourth = Acg4Adapter(acg_shop.url, APP_ID, APP_KEY, outbound, 2.0)
    (good,) = [good for good in (await fourth.goods()).goods if good.name.startswith("最后一张")]

    answer = await fourth.buy(order(good.sku, 1, "5"))

    assert (answer.outcome, answer.cards) == (Outcome.UNKNOWN, ())


async def test_an_input_that_is_missing_is_the_buyers_mistake(adapter: AcgAdapter) -> None:
    answer = await adapter.buy(order("PHONE", 1, "48.9", "topup"))

    assert (answer.outcome, answer.fault) == (Outcome.FAILED, Fault.INPUT)


async def test_one_card_of_several_lines_is_one_card(acg_shop: AcgShop, adapter: AcgAdapter) -> None:
    acg_shop.stage({"kind": "more_cards"})

    answer = await adapter.buy(order("VIDEO?race=月卡&地区=国内", 1, "10"))

    assert answer.outcome is Outcome.DELIVERED
    assert answer.cards[0].endswith(" ONE-TOO-MANY")


async def test_a_wrong_key_is_refused(acg_shop: AcgShop, outbound: Outbound) -> None:
    for kind in (AcgAdapter, Acg4Adapter):
        stranger = kind(acg_shop.url, APP_ID, "wrong", outbound, 2.0)
        with pytest.raises(SupplierUnavailable) as caught:
            await stranger.greet()
        assert (caught.value.fault, caught.value.detail) == (Fault.REFUSED, "签名错误")


async def test_the_fourth_version_sells_each_variant_by_its_number(
    acg_shop: AcgShop, adapter: AcgAdapter, outbound: Outbound
) -> None:
    fourth = Acg4Adapter(acg_shop.url, APP_ID, APP_KEY, outbound, 2.0)
    found = {good.variant: good for good in (await fourth.goods()).goods if good.name.startswith("视频会员")}
    assert {variant: str(good.cost) for variant, good in found.items()} == {"月卡": "10", "年卡": "98"}

    answer = await fourth.buy(order(found["年卡"].sku, 1, "98"))

    assert (answer.outcome, answer.cost_cents, len(answer.cards)) == (Outcome.DELIVERED, 9800, 1)


async def ended(adapter: AcgAdapter, asked: Order, bought: Answer) -> Answer:
    async with asyncio.timeout(30):
        while True:
            answer = await adapter.find(asked.reference, order_no=bought.supplier_order_no, order=asked)
            if answer.outcome is not Outcome.PENDING:
                return answer
            assert answer.supplier_order_no == bought.supplier_order_no
            await asyncio.sleep(0.05)
