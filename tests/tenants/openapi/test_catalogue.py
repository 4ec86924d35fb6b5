"""Categories and variants, as machines see them."""

from decimal import Decimal

import pytest

from tenants.shop import categories, service
from tenants.shop.categories import CategoryDraft
from tenants.shop.drafts import ProductDraft, Spec, VariantDraft
from tenants.shop.fields import InputField
from tests.support.house import Shop
from tests.support.machine_client import MachineClient
from tests.tenants.openapi.conftest import Machines, member


@pytest.fixture
async def client(shop: Shop, machine: Machines) -> MachineClient:
    return await machine(shop, await member(shop))


async def test_categories_tell_what_they_stand_in_and_hidden_ones_are_left_out(
    shop: Shop, client: MachineClient
) -> None:
    async with shop.tenant.begin() as session:
        games = await categories.add(session, CategoryDraft(name="游戏"))
        steam = await categories.add(session, CategoryDraft(name="Steam", parent_id=games.id))
        await categories.add(session, CategoryDraft(name="仓库", state="hidden"))

    said = (await client.get("/categories")).json()["categories"]

    assert [(one["id"], one["parent_id"], one["name"]["zh-CN"]) for one in said] == [
        (games.id, 0, "游戏"), (steam.id, games.id, "Steam"),
    ]  # fmt: skip


async def test_a_product_in_variants_has_a_sku_for_each(shop: Shop, client: MachineClient) -> None:
    draft = ProductDraft(
        name="点卡",
        labels=["游戏/点卡"],
        fields=[InputField(label="账号", kind="account")],
        specs=[Spec("面值", ["50", "100"])],
        variants=[
            VariantDraft(values={"面值": "50"}, price=Decimal(9), good_id=shop.good_id),
            VariantDraft(values={"面值": "100"}, price=Decimal(18)),
        ],
    )
    async with shop.tenant.begin() as session:
        head = await service.list_product(session, draft)

    said = (await client.get(f"/products/{head.id}")).json()["product"]

    assert (said["id"], said["price_amount"], said["tags"]) == (head.id, "9.00", ["游戏/点卡"])
    assert said["manual_form_schema"]["fields"][0]["key"] == "账号"
    assert [(sku["spec_values"], sku["price_amount"], sku["stock_status"]) for sku in said["skus"]] == [
        ({"面值": "50"}, "9.00", "low_stock"),
        ({"面值": "100"}, "18.00", "out_of_stock"),
    ]
    listed = (await client.get("/products")).json()
    assert listed["total"] == 2
    assert said in listed["items"]


async def test_a_product_for_a_level_is_not_there_for_a_machine_without_it(shop: Shop, client: MachineClient) -> None:
    async with shop.tenant.begin() as session:
        product = await service.list_product(
            session, ProductDraft(good_id=shop.good_id, name="季卡", price=Decimal(30), min_level=5)
        )

    assert (await client.get(f"/products/{product.id}")).status_code == 404
    assert (await client.get("/products")).json()["total"] == 1
