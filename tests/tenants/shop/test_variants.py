"""Products that come in variants: told apart by their values, priced and stocked each by itself."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from kameng.cards import service as cards
from kameng.core.errors import Invalid
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tenants.shop import queries, service
from tenants.shop.drafts import ProductDraft, Spec, Step, VariantDraft
from tenants.shop.errors import BelowCost, BelowOwnFloor, CardsLeft, GoodNotForYou, ProductGone
from tests.support.house import Shop, open_shop

VALUES = [Spec("面值", ["50", "100"])]


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K-1", "K-2", "K-3"])


def draft(shop: Shop, *variants: VariantDraft, specs: list[Spec] | None = None) -> ProductDraft:
    return ProductDraft(name="点卡", specs=VALUES if specs is None else specs, variants=list(variants), state="on_sale")


def variant(value: str, price: str, good_id: int | None = None, *, shown: bool = True) -> VariantDraft:
    return VariantDraft(values={"面值": value}, price=Decimal(price), good_id=good_id, shown=shown)


async def listed(shop: Shop, *variants: VariantDraft) -> int:
    async with shop.tenant.begin() as session:
        return (await service.list_product(session, draft(shop, *variants))).id


async def add_own_cards(runtime: Runtime, tenant: Tenant, product_id: int, count: int) -> None:
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        await cards.add(session, sealer, product_id, [f"OWN-{product_id}-{n}" for n in range(count)], cost_cents=0)


async def test_a_family_shows_each_variant_with_its_own_price_and_stock(runtime: Runtime, shop: Shop) -> None:
    head = await listed(shop, variant("50", "9.00", shop.good_id), variant("100", "18.00"))
    async with shop.tenant.begin() as session:
        own = (await queries.family(session, head)).units[1]
    await add_own_cards(runtime, shop.tenant, own.id, 2)

    async with shop.tenant.begin() as session:
        family = await queries.family(session, head)
        same = await queries.family(session, own.id)

    assert [(one.name, one.price, one.available) for one in family.units] == [
        ("点卡 · 50", Decimal("9.0000"), 3),
        ("点卡 · 100", Decimal("18.0000"), 2),
    ]
    assert [one.id for one in same.units] == [one.id for one in family.units]
    assert family.cheapest.price == Decimal("9.0000")


async def test_the_shelf_shows_a_family_once_from_its_lowest_price(shop: Shop) -> None:
    await listed(shop, variant("50", "9.00", shop.good_id), variant("100", "18.00", shop.good_id))

    async with shop.tenant.begin() as session:
        found = await queries.shelf(session, "点卡")

    assert [(one.head_name, one.price) for one in found] == [("点卡", Decimal("9.0000"))]


async def test_a_variant_that_is_taken_out_goes_and_comes_back_as_the_same_product(shop: Shop) -> None:
    head = await listed(shop, variant("50", "9.00", shop.good_id), variant("100", "18.00", shop.good_id))
    async with shop.tenant.begin() as session:
        gone = (await queries.family(session, head)).units[1].id
        await service.change_product(session, head, draft(shop, variant("50", "9.00", shop.good_id)))
    async with shop.tenant.begin() as session:
        with pytest.raises(ProductGone):
            await queries.on_sale(session, gone)

    async with shop.tenant.begin() as session:
        again = draft(shop, variant("50", "9.00", shop.good_id), variant("100", "17.00", shop.good_id))
        await service.change_product(session, head, again)
        back = await queries.on_sale(session, gone)

    assert back.price == Decimal("17.0000")


async def test_a_hidden_head_hides_its_variants(shop: Shop) -> None:
    head = await listed(shop, variant("50", "9.00", shop.good_id))
    async with shop.tenant.begin() as session:
        unit = (await queries.family(session, head)).units[0].id
        await service.show(session, head, on_sale=False)

        with pytest.raises(ProductGone):
            await queries.on_sale(session, unit)


async def test_a_hidden_variant_cannot_be_bought(shop: Shop) -> None:
    head = await listed(shop, variant("50", "9.00", shop.good_id), variant("100", "18.00", shop.good_id, shown=False))

    async with shop.tenant.begin() as session:
        assert len((await queries.family(session, head)).units) == 1


async def test_a_variant_below_cost_is_told_at_its_line(shop: Shop) -> None:
    with pytest.raises(BelowCost) as refused:
        await listed(shop, variant("50", "9.00", shop.good_id), variant("100", "7.99", shop.good_id))

    assert refused.value.field == "variant-1"


async def test_a_step_of_the_ladder_below_cost_is_told_at_its_line(shop: Shop) -> None:
    wanted = ProductDraft(
        good_id=shop.good_id, name="月卡", price=Decimal("10.00"), ladder=[Step(5, Decimal(9)), Step(9, Decimal(7))]
    )

    with pytest.raises(BelowCost) as refused:
        async with shop.tenant.begin() as session:
            await service.list_product(session, wanted)

    assert refused.value.field == "ladder-1"


async def test_no_price_may_be_below_the_owners_floor(shop: Shop) -> None:
    wanted = ProductDraft(good_id=shop.good_id, name="月卡", price=Decimal(10), floor_price=Decimal("10.50"))

    with pytest.raises(BelowOwnFloor):
        async with shop.tenant.begin() as session:
            await service.list_product(session, wanted)


@pytest.mark.parametrize(
    ("specs", "variants", "place"),
    [
        (VALUES, [], "spec-0"),
        (VALUES, [variant("50", "9"), variant("50", "9")], "variant-1"),
        (VALUES, [variant("70", "9")], "variant-0"),
        ([Spec("", ["1"])], [variant("50", "9")], "spec-0"),
        ([Spec("a", ["1", "1"])], [variant("50", "9")], "spec-0"),
        ([Spec("a", ["1"]), Spec("a", ["2"])], [variant("50", "9")], "spec-1"),
        ([Spec("a", [str(n) for n in range(11)]), Spec("b", [str(n) for n in range(10)])], [], "spec-0"),
    ],
)
async def test_what_is_wrong_with_specs_is_told_at_its_line(
    shop: Shop, specs: list[Spec], variants: list[VariantDraft], place: str
) -> None:
    with pytest.raises(Invalid) as refused:
        async with shop.tenant.begin() as session:
            await service.list_product(session, draft(shop, *variants, specs=specs))

    assert place in refused.value.errors


async def test_a_good_of_somebody_elses_is_refused(shop: Shop) -> None:
    with pytest.raises(GoodNotForYou):
        await listed(shop, variant("50", "9.00", 2**31 - 2))


async def test_a_product_with_cards_does_not_become_a_head(runtime: Runtime, shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        own = await service.list_product(session, ProductDraft(name="自有", price=Decimal(5)))
    await add_own_cards(runtime, shop.tenant, own.id, 1)

    with pytest.raises(CardsLeft):
        async with shop.tenant.begin() as session:
            await service.change_product(session, own.id, draft(shop, variant("50", "9.00")))


async def test_a_copy_has_all_variants_and_is_hidden(shop: Shop) -> None:
    head = await listed(shop, variant("50", "9.00", shop.good_id), variant("100", "18.00", shop.good_id))

    async with shop.tenant.begin() as session:
        copy = await service.duplicate(session, head, "副本")
        variants = await queries.variants(session, copy.id)

    assert copy.state == "hidden"
    assert [one.name for one in variants] == ["副本 · 50", "副本 · 100"]


async def test_what_is_in_the_bin_is_hidden_by_the_database_itself(shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        await service.archive(session, shop.product_id)
        with pytest.raises(Exception, match="products_archived"):
            await session.execute(text("UPDATE products SET state = 'on_sale'"))
