"""The tree of categories."""

from decimal import Decimal

import pytest

from kameng.infra.runtime import Runtime
from tenants.shop import bulk, categories, queries, service
from tenants.shop.categories import CategoryDraft
from tenants.shop.drafts import ProductDraft
from tenants.shop.errors import CategoryFull, CategoryGone, TooDeep, WithinItself
from tenants.shop.shelf import Asked
from tests.support.browser_client import OpenBrowser
from tests.support.house import Shop, open_shop


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K-1", "K-2"])


async def add(shop: Shop, name: str, parent_id: int | None = None, *, hidden: bool = False) -> int:
    draft = CategoryDraft(name=name, parent_id=parent_id, state="hidden" if hidden else "shown")
    async with shop.tenant.begin() as session:
        return (await categories.add(session, draft)).id


async def chain(shop: Shop, count: int) -> list[int]:
    made: list[int] = []
    for level in range(count):
        made.append(await add(shop, f"级{level + 1}", made[-1] if made else None))
    return made


async def titles(shop: Shop) -> list[str]:
    async with shop.tenant.begin() as session:
        tree = await categories.tree(session)
    return [tree.title(node.id) for node in tree.nodes]


async def test_categories_stand_within_each_other_in_the_owners_order(shop: Shop) -> None:
    games = await add(shop, "游戏")
    await add(shop, "话费")
    await add(shop, "Steam", games)
    second = await add(shop, "QQ", games)

    async with shop.tenant.begin() as session:
        await categories.move(session, second, up=True)

    assert await titles(shop) == ["游戏", "游戏 / QQ", "游戏 / Steam", "话费"]


async def test_the_fifth_level_is_refused(shop: Shop) -> None:
    deepest = (await chain(shop, 4))[-1]

    with pytest.raises(TooDeep):
        await add(shop, "五", deepest)


async def test_a_category_with_levels_below_does_not_move_where_they_would_be_too_deep(shop: Shop) -> None:
    made = await chain(shop, 3)
    other = await add(shop, "别的")

    async with shop.tenant.begin() as session:
        await categories.change(session, made[0], CategoryDraft(name="级1", parent_id=other))
    with pytest.raises(TooDeep):
        await add(shop, "五", made[-1])
    above = await add(shop, "顶")
    with pytest.raises(TooDeep):
        async with shop.tenant.begin() as session:
            await categories.change(session, other, CategoryDraft(name="别的", parent_id=above))


async def test_a_category_does_not_stand_within_itself(shop: Shop) -> None:
    made = await chain(shop, 3)

    for inner in made:
        with pytest.raises(WithinItself):
            async with shop.tenant.begin() as session:
                await categories.change(session, made[0], CategoryDraft(name="级1", parent_id=inner))


async def test_one_that_holds_something_is_not_deleted_without_saying_where_it_goes(shop: Shop) -> None:
    games, bills = await add(shop, "游戏"), await add(shop, "账单")
    await add(shop, "Steam", games)
    async with shop.tenant.begin() as session:
        await bulk.file_under(session, [shop.product_id], games)

    with pytest.raises(CategoryFull):
        async with shop.tenant.begin() as session:
            await categories.delete(session, games)
    async with shop.tenant.begin() as session:
        await categories.delete(session, games, to=bills, move_first=True)

    assert await titles(shop) == ["账单", "账单 / Steam"]
    async with shop.tenant.begin() as session:
        assert (await queries.product(session, shop.product_id)).category_id == bills


async def test_what_it_holds_does_not_go_into_itself(shop: Shop) -> None:
    made = await chain(shop, 2)

    with pytest.raises(WithinItself):
        async with shop.tenant.begin() as session:
            await categories.delete(session, made[0], to=made[1], move_first=True)


async def test_products_are_not_filed_under_a_category_that_is_not_there(shop: Shop) -> None:
    with pytest.raises(CategoryGone):
        async with shop.tenant.begin() as session:
            await bulk.file_under(session, [shop.product_id], 2**31 - 2)


async def test_a_category_shows_what_stands_in_it_and_below(shop: Shop, browser: OpenBrowser) -> None:
    games = await add(shop, "游戏")
    steam = await add(shop, "Steam", games)
    bills = await add(shop, "账单")
    async with shop.tenant.begin() as session:
        await service.list_product(
            session, ProductDraft(good_id=shop.good_id, name="钱包码", price=Decimal(10), category_id=steam)
        )
    buyer = browser(shop.tenant)

    assert "钱包码" in (await buyer.get(f"/c/{games}")).text
    below = (await buyer.get(f"/c/{steam}")).text
    assert "钱包码" in below
    assert f'<a href="/c/{games}">游戏</a>' in below
    assert "Nothing stands here yet" in (await buyer.get(f"/c/{bills}")).text
    assert (await buyer.get("/c/2147483000")).status_code == 404


async def test_a_hidden_category_takes_its_products_off_the_shelf(shop: Shop, browser: OpenBrowser) -> None:
    hidden = await add(shop, "仓库", hidden=True)
    inner = await add(shop, "里面", hidden)
    async with shop.tenant.begin() as session:
        await bulk.file_under(session, [shop.product_id], inner)
    buyer = browser(shop.tenant)

    assert f'"/p/{shop.product_id}"' not in (await buyer.get("/")).text
    assert (await buyer.get(f"/c/{inner}")).status_code == 404
    assert (await buyer.get(f"/p/{shop.product_id}")).status_code == 200


async def test_labels_are_found_by_their_upper_level_too(shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        await bulk.label(session, [shop.product_id], "游戏/点卡")

        for label, found in (("游戏", 1), ("游戏/点卡", 1), ("游", 0), ("点卡", 0)):
            assert len(await queries.page_of_shelf(session, Asked(label=label))) == found, label
