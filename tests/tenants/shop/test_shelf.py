"""What buyers find: by level, by time, in which order, and how the product's page says it."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from kameng.core import clock
from kameng.infra.runtime import Runtime
from tenants.buyers import levels
from tenants.buyers.levels import LevelDraft
from tenants.shop import counting, queries, service
from tenants.shop.drafts import ProductDraft, Spec, Step, VariantDraft
from tenants.shop.fields import InputField
from tenants.shop.shelf import Asked
from tests.support.browser_client import OpenBrowser
from tests.support.house import Shop, open_shop
from tests.tenants.storefront.steps import bought, member, newest_buyer


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=[f"K-{n}" for n in range(20)])


async def listed(shop: Shop, **changes: Any) -> int:
    values: dict[str, Any] = {"good_id": shop.good_id, "name": "季卡", "price": Decimal(30)} | changes
    async with shop.tenant.begin() as session:
        return (await service.list_product(session, ProductDraft(**values))).id


async def test_a_product_for_a_level_is_shown_to_that_level_only(shop: Shop, browser: OpenBrowser) -> None:
    product = await listed(shop, min_level=5)
    buyer = await member(shop, browser, wallet_cents=10_000)
    async with shop.tenant.begin() as session:
        gold = await levels.add(session, LevelDraft(name="金牌", rank=5))

    assert "季卡" not in (await buyer.get("/")).text
    page = (await buyer.get(f"/p/{product}")).text
    assert "Only for buyers of the level 金牌 and above." in page
    assert "Buy now" not in page

    async with shop.tenant.begin() as session:
        await levels.give(session, await newest_buyer(shop.tenant), gold)
    assert "季卡" in (await buyer.get("/")).text
    assert "Buy now" in (await buyer.get(f"/p/{product}")).text


async def test_a_sale_that_has_not_begun_or_has_ended_says_so(shop: Shop, browser: OpenBrowser) -> None:
    now = clock.now()
    soon = await listed(shop, name="预售", sale_from=now + timedelta(days=1))
    over = await listed(shop, name="过期", sale_from=now - timedelta(days=2), sale_until=now - timedelta(days=1))
    buyer = await member(shop, browser, wallet_cents=10_000)

    home = (await buyer.get("/")).text
    assert "预售" in home
    assert "过期" not in home
    assert "Not on sale yet" in (await buyer.get(f"/p/{soon}")).text
    assert "Sale ended" in (await buyer.get(f"/p/{over}")).text


async def test_the_page_shows_the_ladder_and_what_is_struck_through(shop: Shop, browser: OpenBrowser) -> None:
    product = await listed(
        shop, list_price=Decimal(40), ladder=[Step(3, Decimal("28.00")), Step(10, Decimal("25.50"))], max_per_day=5
    )

    page = (await browser(shop.tenant).get(f"/p/{product}")).text

    assert "¥40.00" in page
    assert "¥28.00" in page
    assert "data-ladder='[[1, 3000.0], [3, 2800.0], [10, 2550.0]]'" in page
    assert "At most 5 a day for each buyer." in page


async def test_the_page_asks_for_what_the_owner_wants_to_know(shop: Shop, browser: OpenBrowser) -> None:
    product = await listed(
        shop,
        kind="topup",
        fields=[
            InputField(label="手机号", kind="phone", hint="充值到哪个号码"),
            InputField(label="区服", kind="choice", required=False, choices=["一区", "二区"]),
        ],
    )

    page = (await browser(shop.tenant).get(f"/p/{product}")).text

    assert 'name="inputs.0" aria-describedby="inputs.0-help" required' in page
    assert '<option value="二区">' in page
    assert "充值到哪个号码" in page


async def test_spec_buttons_lead_to_the_variant_with_that_value(shop: Shop, browser: OpenBrowser) -> None:
    def one(value: str, region: str, price: int) -> VariantDraft:
        return VariantDraft(values={"面值": value, "区": region}, price=Decimal(price), good_id=shop.good_id)

    specs = [Spec("面值", ["50", "100"]), Spec("区", ["国服", "外服"])]
    head = await listed(
        shop, good_id=None, specs=specs, variants=[one("50", "国服", 10), one("100", "国服", 20), one("50", "外服", 11)]
    )
    async with shop.tenant.begin() as session:
        first, dear, abroad = (unit.id for unit in (await queries.family(session, head)).units)
    buyer = browser(shop.tenant)

    page = (await buyer.get(f"/p/{head}")).text
    assert f'name="product_id" value="{first}"' in page
    assert re.findall(r'class="spec-value[^"]*" href="/p/(\d+)"', page) == [
        str(number) for number in (first, dear, first, abroad)
    ]
    assert "¥20.00" in (await buyer.get(f"/p/{dear}")).text
    assert "from" in (await buyer.get("/")).text


async def test_the_shelf_is_sorted_by_sales_and_by_margin_once_counted(shop: Shop, browser: OpenBrowser) -> None:
    dear = await listed(shop, name="高利")
    buyer = await member(shop, browser, wallet_cents=10_000)
    await bought(buyer, shop, quantity="3")

    async with shop.tenant.begin() as session:
        await counting.count(session)
        by_sales = await queries.page_of_shelf(session, Asked(order="sales"))
        by_margin = await queries.page_of_shelf(session, Asked(order="margin"))

    assert [one.first.head_id for one in by_sales] == [shop.product_id, dear]
    assert by_sales[0].first.sold == 3
    assert [one.first.head_id for one in by_margin] == [dear, shop.product_id]


async def test_what_is_sold_out_stands_last_where_the_owner_wants_it(shop: Shop) -> None:
    own = await listed(shop, good_id=None, name="自有")
    async with shop.tenant.begin() as session:
        await service.place(session, [own, shop.product_id])
        await counting.count(session)

        ids = [
            [one.first.head_id for one in await queries.page_of_shelf(session, Asked(sold_out_last=last))]
            for last in (False, True)
        ]

    assert ids == [[own, shop.product_id], [shop.product_id, own]]


async def test_counting_all_stations_passes_over_none(runtime: Runtime, shop: Shop) -> None:
    own = await listed(shop, good_id=None, name="自有")

    assert await counting.count_all(runtime.database) >= 1

    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT sold_out FROM products WHERE id = :id"), {"id": own})).scalar_one()
