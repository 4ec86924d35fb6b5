"""A change of prices compared with what stations sell for."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from billing.wholesale import change_queries
from billing.wholesale.change_lines import Line, Value
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tenants.margins import service as margins
from tenants.shop import service as shop_service
from tenants.shop.service import ProductDraft
from tests.support.house import Shop, open_shop, open_station
from tests.support.prices import applied, draft, priced, tier_of


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Sells for 10.00 what it pays 8.00 for."""
    return await open_shop(runtime, keys=["K"])


async def neighbours(shop: Shop, *retail: str) -> Sequence[Tenant]:
    """More stations of the same tier that sell the same good at these prices."""
    tier, opened = await tier_of(shop), []
    for price in retail:
        tenant = await open_station(shop.runtime, tier_id=tier, name=f"sells at {price}")
        async with tenant.begin() as session:
            product = ProductDraft(good_id=shop.good_id, name="Pass", price=Decimal(price))
            await shop_service.list_product(session, product)
        opened.append(tenant)
    return opened


async def found(shop: Shop, *lines: Line) -> dict[int, tuple[str, bool]]:
    """By station: what the change does to it, and whether that is new."""
    change_id = await draft(shop, *lines)
    await margins.preview(shop.runtime.database, change_id)
    async with shop.runtime.database.master_session() as session:
        rows = await change_queries.findings(session, change_id, 1000)
        assert (await change_queries.change(session, change_id)).previewed_at is not None
    return {row.tenant_id: (row.effect, row.is_new) for row in rows}


async def test_every_station_of_the_tier_is_compared_with_its_own_price(shop: Shop) -> None:
    cheap, dear, cheaper = await neighbours(shop, "8.40", "12.00", "8.10")

    assert await found(shop, await priced(shop, "8.50")) == {cheap.id: ("loss", True), cheaper.id: ("loss", True)}
    assert dear.id not in await found(shop, await priced(shop, "11.99"))


async def test_a_loss_that_is_there_already_is_not_new(shop: Shop) -> None:
    (cheap,) = await neighbours(shop, "8.40")
    await applied(shop, await priced(shop, "8.50"))

    assert await found(shop, await priced(shop, "8.60")) == {cheap.id: ("loss", False)}


async def test_a_special_price_shields_its_station_from_the_tier(shop: Shop) -> None:
    (cheap,) = await neighbours(shop, "8.40")
    special = Line(kind="special", tenant_id=cheap.id, good_id=shop.good_id, after=Value(price=Decimal("7.00")))
    await applied(shop, special)

    assert await found(shop, await priced(shop, "8.50")) == {}


async def test_a_goods_floor_is_compared_everywhere_but_where_the_tier_has_its_own(shop: Shop) -> None:
    other = await open_shop(shop.runtime, keys=["K"])
    line = Line(kind="tier", tier_id=await tier_of(other), good_id=shop.good_id, after=Value(price=Decimal("8.00")))
    await applied(shop, line)
    async with other.tenant.begin() as session:
        product = ProductDraft(good_id=shop.good_id, name="Pass", price=Decimal("9.00"))
        await shop_service.list_product(session, product)
    await applied(shop, await priced(shop, "8.00", floor="9.50"))

    floor = Line(kind="floor", good_id=shop.good_id, after=Value(floor=Decimal("11.00")))

    assert await found(shop, floor) == {other.tenant.id: ("floor", True)}


async def test_a_good_that_is_taken_away_is_told(shop: Shop) -> None:
    line = Line(kind="tier", tier_id=await tier_of(shop), good_id=shop.good_id)

    assert await found(shop, line) == {shop.tenant.id: ("gone", True)}


async def test_comparing_again_finds_the_same(shop: Shop) -> None:
    change_id = await draft(shop, await priced(shop, "10.50"))

    for _ in range(2):
        await margins.preview(shop.runtime.database, change_id)

    async with shop.runtime.database.master_session() as session:
        assert len(await change_queries.findings(session, change_id, 10)) == 1
        assert (await change_queries.losing(session, change_id)).stations == 1
