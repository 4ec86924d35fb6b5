"""HTML and SQL in every text field come out as text."""

import pytest
from markupsafe import escape

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.support.house import Shop
from tests.support.staff_client import StaffClient

EVIL = "<b onmouseover=x>'); DROP TABLE orders;--"


def shown_as_text(page: str, text: str) -> bool:
    return str(escape(text)) in page and text not in page


async def test_a_products_text(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/products/new")
    page = await owner.follow(
        await owner.post(
            "/console/products",
            good_id=shop.good_id,
            name=EVIL,
            price="12",
            summary=EVIL,
            description=EVIL,
            usage_note=EVIL,
        )
    )

    assert shown_as_text(page.text, EVIL)
    for path in (
        f"{page.url.path}/edit",
        "/console/products",
        f"/console/products?q={EVIL}",
        "/console/audit",
    ):
        assert shown_as_text((await owner.get(path)).text, EVIL), path


@pytest.mark.parametrize("path", ["orders", "products", "buyers", "money", "audit"])
async def test_what_is_searched_for(owner: StaffClient, path: str) -> None:
    answer = await owner.get(f"/console/{path}?q={EVIL}%00%ff%25_%5C&state={EVIL}&page=-1")

    assert answer.status_code == (422 if path == "orders" else 200)  # orders say which filter makes no sense
    assert EVIL not in answer.text


@pytest.mark.parametrize("path", ["tenants", "goods", "purchases", "audit"])
async def test_what_is_searched_for_at_the_master(operator: StaffClient, path: str) -> None:
    answer = await operator.get(f"/{path}?q={EVIL}%00%ff%25_%5C&state={EVIL}&page=99999999999")

    assert answer.status_code == 200
    assert EVIL not in answer.text


async def test_a_channels_text_and_its_key(owner: StaffClient) -> None:
    await owner.get("/console/channels/new")
    form = {"name": EVIL[:40], "merchant_id": EVIL, "key_password": "never-shown-key"}

    wrong = await owner.post("/console/channels", **form, base_url="ftp://pay.example")
    page = await owner.follow(await owner.post("/console/channels", **form, base_url="https://pay.example/x"))

    assert wrong.status_code == 422
    assert "never-shown-key" not in wrong.text + page.text + (await owner.get("/console/audit")).text
    assert shown_as_text(page.text, EVIL)


async def test_a_channel_is_paused_and_resumed(owner: StaffClient) -> None:
    await owner.get("/console/channels/new")
    form = {"name": "Alipay", "merchant_id": "1001", "key_password": "k", "base_url": "https://pay.example"}
    page = await owner.follow(await owner.post("/console/channels", **form))
    path = page.text.partition('action="/console/channels/')[2].partition("/")[0]

    page = await owner.follow(await owner.post(f"/console/channels/{path}/pause", paused="yes"))
    assert "Paused" in page.text
    page = await owner.follow(await owner.post(f"/console/channels/{path}/pause"))
    assert "Active" in page.text


async def test_the_masters_texts(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    evil = f"{EVIL[:30]}{ids.code(6)}"
    await operator.get("/")

    good = await operator.follow(await operator.post("/goods", name=evil, description=EVIL, usage_note=EVIL))
    tiers = await operator.follow(await operator.post("/tiers", name=evil))
    supplier = await operator.follow(await operator.post("/suppliers", protocol="stock", name=evil))

    for page in (good.text, tiers.text, supplier.text, (await operator.get("/audit")).text):
        assert shown_as_text(page, evil)


async def test_numbers_beyond_all_bounds(owner: StaffClient, operator: StaffClient) -> None:
    for client, path in (
        (owner, "/console/products/99999999999999999999"),
        (owner, "/console/orders/%00"),
        (operator, "/goods/99999999999999999999"),
        (operator, "/tenants/-1"),
        (operator, "/purchases/%27"),
    ):
        assert (await client.get(path)).status_code in (400, 404), path
