"""The catalogue at the console: whole products, the bin, many at once, categories, levels, listing in bulk."""

import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from supplier_gateway.goods import service as goods
from tenants.shop import queries
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of

FORM = {"name": "Pass", "price": "12.50", "min_quantity": "1", "max_quantity": "5", "shown": "yes"}
TIER = text("SELECT tier_id FROM tenants WHERE id = :id")
GRID = re.compile(r'name="v_values" value="([^"]*)"')


def number_of(answer: httpx.Response) -> int:
    return int(answer.url.path.rpartition("/")[2])


def values(**chosen: str) -> str:
    return msgspec.json.encode(chosen).decode()


async def save(client: StaffClient, path: str = "/console/products", **fields: Any) -> httpx.Response:
    await client.get("/console/products/new")
    return await client.post(path, **(FORM | fields))


async def saved(client: StaffClient, path: str = "/console/products", **fields: Any) -> int:
    return number_of(await client.follow(await save(client, path, **fields)))


async def more_goods(runtime: Runtime, shop: Shop, *prices: str) -> list[int]:
    made = []
    async with runtime.database.master_session() as session:
        tier = (await session.execute(TIER, {"id": shop.tenant.id})).scalar_one()
        for n, price in enumerate(prices):
            good = await goods.add(session, f"Extra {n} of {shop.tenant.slug}", usage_note="here")
            await wholesale.set_price(session, tier, good.id, Decimal(price))
            made.append(good.id)
    return made


async def test_everything_that_is_filled_in_is_kept_and_stands_in_the_form_again(
    shop: Shop, owner: StaffClient
) -> None:
    product = await saved(
        owner, good_id=str(shop.good_id), labels="Games/Steam, New", list_price="20", floor_price="9", kind="topup",
        max_per_buyer="9", max_per_day="7", sale_from="2026-01-02T03:04", sale_until="2030-01-02T03:04", warn_at="3",
        picking="random", choosable="yes", choice_price="1.5", ladder_from=["3", "9", ""],
        ladder_price=["12", "11.5", ""], field_label=["Phone", "Server", ""], field_kind=["phone", "choice", "text"],
        field_required=["yes", "no", "yes"], field_hint=["to which", "", ""], field_choices=["", "A, B", ""],
        field_pattern=["", "", ""],
    )  # fmt: skip

    async with shop.tenant.begin() as session:
        kept = await queries.product(session, product)
    assert kept.ladder == [[3, "12"], [9, "11.5"]]
    assert [(one["label"], one["required"], one["choices"]) for one in kept.fields] == [
        ("Phone", True, []), ("Server", False, ["A", "B"]),
    ]  # fmt: skip
    assert kept.labels == ["Games/Steam", "New"]
    assert (kept.picking, kept.choosable, kept.warn_at, kept.kind) == ("random", True, 3, "topup")
    form = (await owner.get(f"/console/products/{product}/edit")).text
    for written in ("Games/Steam, New", "2026-01-02T03:04", "11.50", "A, B", "1.50"):
        assert f'value="{written}"' in form


async def test_variants_are_made_filled_in_and_saved(shop: Shop, owner: StaffClient) -> None:
    sent = FORM | {"source": "variants", "spec_name": ["Value", ""], "spec_values": ["50，100", ""], "price": ""}
    await owner.get("/console/products/new")

    drawn = await owner.post("/console/products/grid", **sent)
    made = [unescape(found) for found in GRID.findall(drawn.text)]
    assert made == [values(Value="50"), values(Value="100")]
    rows: dict[str, Any] = {
        "v_values": made, "v_good": [str(shop.good_id), "own"], "v_price": ["9", "18"], "v_list": ["", "20"],
        "v_ladder": ["10=8.50", ""], "v_shown": ["yes", "yes"],
    }  # fmt: skip
    product = await saved(owner, **(sent | rows))

    async with shop.tenant.begin() as session:
        found = await queries.variants(session, product)
    assert [(one.spec_values, one.good_id, str(one.price), one.ladder) for one in found] == [
        ({"Value": "50"}, shop.good_id, "9.0000", [[10, "8.50"]]),
        ({"Value": "100"}, None, "18.0000", []),
    ]
    page = text_of(await owner.get(f"/console/products/{product}"))
    assert "Variants: 2" in page
    assert "9.00–18.00" in text_of(await owner.get("/console/products"))
    again = await owner.post(f"/console/products/{product}", **(sent | rows | {"v_price": ["9", "0"]}))
    assert again.status_code == 422
    assert "Write the price of this variant." in again.text
    assert len(GRID.findall(again.text)) == 2


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ({"ladder_from": ["x"], "ladder_price": ["9"]}, "ladder-0", "Write a quantity and the price for one."),
        ({"ladder_from": ["5", "3"], "ladder_price": ["12", "11"]}, "ladder-1", "larger quantity"),
        ({"ladder_from": ["5"], "ladder_price": ["13"]}, "ladder-0", "No step is dearer than the one before"),
        ({"ladder_from": ["5"], "ladder_price": ["7.5"]}, "ladder-0", "below what you pay"),
        ({"field_label": ["A"], "field_kind": ["choice"], "field_choices": ["one"]}, "field-0", "from 2 to 50"),
        ({"field_label": ["A"], "field_kind": ["text"], "field_pattern": ["("]}, "field-0", "not a regular"),
        (
            {"field_label": ["A"], "field_kind": ["text"], "field_pattern": ["a{500}a{500}"]},
            "field-0",
            "write it simpler",
        ),
        ({"field_label": ["A"], "field_kind": ["text"], "field_pattern": ["(a)\\1"]}, "field-0", "look-ahead"),
        ({"field_label": ["A", "A"], "field_kind": ["text", "text"]}, "field-1", "Another field has this label."),
        ({"list_price": "12"}, "list_price", "not above the price"),
        ({"floor_price": "13"}, "price", "below your own floor"),
        ({"sale_from": "soon"}, "sale_from", "Write a time"),
        ({"sale_from": "2030-01-01T00:00", "sale_until": "2029-01-01T00:00"}, "sale_until", "before the beginning"),
        ({"labels": "a/b/c/d"}, "labels", "At most 10 labels"),
        ({"price": ""}, "price", "Fill this in."),
        ({"category_id": "2147483646"}, "category_id", "not there any more"),
    ],
)
async def test_what_is_wrong_stands_at_its_line_and_nothing_is_listed(
    shop: Shop, owner: StaffClient, fields: dict[str, Any], place: str, said: str
) -> None:
    answer = await save(owner, good_id=str(shop.good_id), **({"name": "Wrong one"} | fields))

    assert answer.status_code == 422
    found = error_at(answer, place) or re.search(rf'id="{place}">.*?</div>', answer.text, re.DOTALL)
    assert said in (found if isinstance(found, str) else found.group(0) if found else "")
    assert "Wrong one" not in text_of(await owner.get("/console/products"))


async def test_a_product_of_ones_own_needs_no_good(shop: Shop, owner: StaffClient) -> None:
    product = await saved(owner, source="own", fulfilment="by_hand")

    assert "No end, by hand" in text_of(await owner.get(f"/console/products/{product}"))
    async with shop.tenant.begin() as session:
        assert (await queries.on_sale(session, product)).on_hand


async def test_what_is_put_into_the_bin_comes_back_hidden(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    path = f"/console/products/{shop.product_id}"
    await owner.get(path)

    await owner.post(f"{path}/archive")
    assert "No products yet" in text_of(await owner.get("/console/products"))
    assert "月卡" in text_of(await owner.get("/console/products?state=archived"))
    assert (await owner.http.get(f"/p/{shop.product_id}")).status_code == 404
    refused = await owner.post(f"{path}/shelf", on_sale="yes")
    assert "Restore it first." in (await owner.follow(refused)).text

    page = await owner.follow(await owner.post(f"{path}/restore"))
    assert "Hidden" in text_of(page)
    assert len(await audited(runtime, "products.restore", str(shop.product_id), shop.tenant)) == 1


async def test_a_hidden_product_is_looked_at_before_buyers_see_it(shop: Shop, owner: StaffClient) -> None:
    product = await saved(owner, good_id=str(shop.good_id), name="Secret", shown="")

    page = await owner.get(f"/console/products/{product}/preview")

    assert page.status_code == 200
    assert "<body inert>" in page.text
    assert "Secret" in page.text
    assert (await owner.http.get(f"/p/{product}")).status_code == 404


async def test_a_copy_is_hidden_and_opens_in_the_form(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/products")

    form = await owner.follow(await owner.post(f"/console/products/{shop.product_id}/duplicate"))

    assert form.url.path.endswith("/edit")
    assert "(copy)" in form.text
    assert "2" in text_of(await owner.get("/console/products"))


async def test_many_products_are_hidden_shown_filed_labelled_and_thrown_away_at_once(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    other = await saved(owner, good_id=str(shop.good_id))
    await owner.follow(await owner.post("/console/categories", name="Games", shown="yes"))
    category = re.search(r"/console/categories/(\d+)", (await owner.get("/console/categories")).text)
    assert category
    both = [str(shop.product_id), str(other)]

    async def act(act: str, **fields: Any) -> str:
        return (await owner.follow(await owner.post("/console/products/bulk", act=act, id=both, **fields))).text

    assert "2 products are changed." in await act("hide")
    assert "0 products are changed." in await act("hide")
    assert "2 products are changed." in await act("show")
    assert "2 products are changed." in await act("file", category_id=category[1])
    assert "2 products are changed." in await act("label", label="New")
    assert "Write a label first." in await act("label", label=" ")
    page = text_of(await owner.get(f"/console/products?category={category[1]}&label=New"))
    assert "Pass" in page
    assert "月卡" in page
    assert "2 products are changed." in await act("archive")
    assert "2 products are changed." in await act("restore")
    nothing = await owner.follow(await owner.post("/console/products/bulk", act="hide"))
    assert "Choose a product first." in nothing.text
    assert len(await audited(runtime, "products.bulk_archive", "", shop.tenant)) == 1


async def test_products_are_moved_up_and_down(shop: Shop, owner: StaffClient) -> None:
    other = await saved(owner, good_id=str(shop.good_id), position="9")

    await owner.post(f"/console/products/{other}/move", up="yes")
    async with shop.tenant.begin() as session:
        assert await queries.in_order(session) == [other, shop.product_id]
    await owner.post(f"/console/products/{other}/move", up="")
    async with shop.tenant.begin() as session:
        assert await queries.in_order(session) == [shop.product_id, other]


async def test_categories_are_added_moved_and_deleted_with_their_products(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    await owner.get("/console/categories")
    await owner.follow(await owner.post("/console/categories", name="Games", shown="yes"))
    page = await owner.get("/console/categories")
    games = re.search(r"/console/categories/(\d+)", page.text)
    assert games
    await owner.follow(await owner.post("/console/categories", name="Steam", parent_id=games[1], shown="yes"))
    await saved(owner, good_id=str(shop.good_id), category_id=games[1])

    held = await owner.post(f"/console/categories/{games[1]}/delete")
    assert held.status_code == 422
    assert "Say where they are to go." in held.text
    assert "1 product" in text_of(await owner.get("/console/categories"))
    await owner.post(f"/console/categories/{games[1]}/delete", move_first="yes", to="")
    after = text_of(await owner.get("/console/categories"))
    assert "Steam" in after
    assert "Games" not in after
    assert len(await audited(runtime, "categories.delete", games[1], shop.tenant)) == 1


async def test_a_category_without_a_name_is_told_at_its_field(owner: StaffClient) -> None:
    await owner.get("/console/categories")

    assert error_at(await owner.post("/console/categories", name=""), "name") == "Fill this in."


async def test_levels_are_made_given_and_kept_while_somebody_has_them(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    buyer = await shop.buyer()
    await owner.get("/console/levels")
    await owner.follow(await owner.post("/console/levels", name="Gold", rank="5"))
    level = re.search(r"/console/levels/(\d+)", (await owner.get("/console/levels")).text)
    assert level
    assert "Another level has this rank." in (await owner.post("/console/levels", name="Other", rank="5")).text
    assert "Another level has this name." in (await owner.post("/console/levels", name="Gold", rank="6")).text

    page = await owner.follow(await owner.post(f"/console/buyers/{buyer}/level", level_id=level[1]))
    assert "Gold" in text_of(page)
    kept = await owner.follow(await owner.post(f"/console/levels/{level[1]}/delete"))
    assert "Give them another one first." in kept.text
    await owner.post(f"/console/buyers/{buyer}/level", level_id="")
    await owner.post(f"/console/levels/{level[1]}/delete")
    assert "No levels yet" in text_of(await owner.get("/console/levels"))
    assert len(await audited(runtime, "buyers.level", str(buyer), shop.tenant)) == 2


async def test_products_follow_a_level_whose_rank_changes(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/levels")
    await owner.follow(await owner.post("/console/levels", name="Gold", rank="5"))
    level = re.search(r"/console/levels/(\d+)", (await owner.get("/console/levels")).text)
    assert level
    product = await saved(owner, good_id=str(shop.good_id), min_level="5")

    await owner.follow(await owner.post(f"/console/levels/{level[1]}", name="Gold", rank="8"))

    async with shop.tenant.begin() as session:
        assert (await queries.product(session, product)).min_level == 8


async def test_many_goods_are_listed_at_the_prices_of_a_template(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    extra = await more_goods(runtime, shop, "5.00", "50.00")
    page = await owner.get("/console/listing")
    assert "Extra 0" in page.text
    assert f'value="{shop.good_id}" aria-label' not in page.text  # listed already
    ids = [str(one) for one in (*extra, shop.good_id)]
    terms: dict[str, Any] = {
        "up_to": ["10", "", ""], "percent": ["20", "10", ""], "add": ["0.30", "", ""], "rounding": "nine", "id": ids,
        "shown": "yes",
    }  # fmt: skip

    seen = text_of(await owner.post("/console/listing/preview", **terms))
    assert "Listed already, stays as it is" in seen
    assert "6.39" in seen
    assert "55.09" in seen
    done = await owner.follow(await owner.post("/console/listing", template_name="Usual", **terms))
    assert "2 products are listed." in done.text
    async with shop.tenant.begin() as session:
        prices = await queries.lowest_prices(session, extra)
    assert prices == {extra[0]: Decimal("6.3900"), extra[1]: Decimal("55.0900")}
    assert "0 products are listed." in (await owner.follow(await owner.post("/console/listing", **terms))).text
    assert "Usual" in (await owner.get("/console/listing?listed=all")).text
    assert len(await audited(runtime, "products.list", "", shop.tenant)) == 2


async def test_a_template_is_kept_used_and_deleted(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/listing")
    sent: dict[str, Any] = {"percent": ["33"], "up_to": [""], "add": [""], "rounding": "yuan"}

    page = await owner.follow(await owner.post("/console/listing/templates", template_name="Third", **sent))

    template = re.search(r"/console/listing/templates/(\d+)/delete", page.text)
    assert template
    assert 'value="33"' in (await owner.get(f"/console/listing?template={template[1]}&listed=all")).text
    await owner.post(f"/console/listing/templates/{template[1]}/delete")
    assert "Third" not in text_of(await owner.get("/console/listing"))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"percent": ["20"], "up_to": [""], "add": [""]}, "Choose a good first."),
        ({"percent": ["abc"], "up_to": [""], "add": [""]}, "Write numbers."),
        ({"percent": ["20"], "up_to": ["10"], "add": [""]}, "leave its end empty"),
    ],
)
async def test_a_listing_that_is_wrong_says_so(owner: StaffClient, sent: dict[str, Any], said: str) -> None:
    await owner.get("/console/listing")

    answer = await owner.post("/console/listing/preview", **sent)

    assert answer.status_code == 422
    assert said in answer.text


async def test_service_may_look_at_products_and_change_none(
    shop: Shop, sign_in: SignIn, clients: Callable[[str], StaffClient]
) -> None:
    service = await sign_in(shop.tenant, Role.SERVICE)

    page = await service.get("/console/products")

    assert "月卡" in text_of(page)
    assert "data-bulk-bar" not in page.text
    assert (await service.post("/console/products/bulk", act="hide", id=[str(shop.product_id)])).status_code == 403


async def test_the_page_of_a_variant_is_that_of_its_product(shop: Shop, owner: StaffClient) -> None:
    product = await saved(
        owner, source="variants", spec_name=["Value"], spec_values=["50"], v_values=[values(Value="50")],
        v_good=["own"], v_price=["9"], v_list=[""], v_ladder=[""], v_shown=["yes"],
    )  # fmt: skip
    async with shop.tenant.begin() as session:
        variant = (await queries.variants(session, product))[0].id

    assert "Variants: 1" in text_of(await owner.get(f"/console/products/{variant}"))
    assert (await owner.get(f"/console/products/{variant}/edit")).status_code == 404
