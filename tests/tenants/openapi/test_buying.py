"""A downstream shop buys by machine."""

import asyncio

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.openapi import keys
from tests.support.house import Shop, open_shop
from tests.support.machine_client import MachineClient
from tests.tenants.openapi.conftest import Machines, member


async def fill(shop: Shop, buyer_id: object, cents: int) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(
            text("SELECT post_topup(:no, 'test', :buyer, :cents)"),
            {"no": f"T{buyer_id}", "buyer": str(buyer_id), "cents": cents},
        )


@pytest.fixture
async def client(shop: Shop, machine: Machines) -> MachineClient:
    """A machine with 100 yuan; the shop has five keys at 10 yuan."""
    buyer = await member(shop)
    await fill(shop, buyer, 10_000)
    return await machine(shop, buyer)


async def test_a_ping_tells_the_shop_and_the_balance(shop: Shop, client: MachineClient) -> None:
    answer = await client.post("/ping")

    assert answer.status_code == 200
    said = answer.json()
    assert (said["ok"], said["site_name"], said["balance"], said["protocol_version"]) == (
        True, shop.tenant.name, "100.00", "1.0",
    )  # fmt: skip


async def test_products_are_listed_with_price_and_stock_and_nothing_of_the_masters(
    shop: Shop, client: MachineClient
) -> None:
    said = (await client.get("/products?page=1&page_size=10")).json()

    assert (said["total"], said["page"], said["page_size"]) == (1, 1, 10)
    sku = said["items"][0]["skus"][0]
    assert (sku["id"], sku["price_amount"], sku["stock_status"], sku["stock_quantity"]) == (
        shop.product_id, "10.00", "low_stock", 5,
    )  # fmt: skip
    assert "8.00" not in str(said)
    assert (await client.get(f"/products/{shop.product_id}")).json()["product"] == said["items"][0]


async def test_an_order_is_paid_from_the_wallet_and_its_key_is_in_the_answer(client: MachineClient, shop: Shop) -> None:
    placed = (
        await client.post("/orders", {"sku_id": shop.product_id, "quantity": 2, "downstream_order_no": "D-1"})
    ).json()
    told = (await client.get(f"/orders/{placed['order_id']}")).json()

    assert (placed["ok"], placed["status"], placed["amount"]) == (True, "completed", "20.00")
    assert told["fulfillment"]["payload"].count("KEY-") == 2
    assert (await client.post("/ping")).json()["balance"] == "80.00"


async def test_the_same_order_number_is_one_order_also_at_the_same_moment(client: MachineClient, shop: Shop) -> None:
    body = {"sku_id": shop.product_id, "quantity": 1, "downstream_order_no": "D-2"}
    answers = await asyncio.gather(*(client.post("/orders", body) for _ in range(5)))

    assert {(a.status_code, a.json()["order_id"]) for a in answers} == {(200, answers[0].json()["order_id"])}
    assert (await client.post("/ping")).json()["balance"] == "90.00"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sku_id": 10**12, "quantity": 1}, 404, "product_not_found"),
        ({"sku_id": "x", "quantity": 1}, 400, "bad_request"),
        ({"quantity": 1}, 400, "bad_request"),
        ({"sku_id": 1, "quantity": 0}, 400, "bad_request"),
        ([], 400, "bad_request"),
    ],
)
async def test_a_wrong_order_is_refused_in_the_protocols_words(
    client: MachineClient, body: object, status: int, code: str
) -> None:
    answer = await client.post("/orders", body)

    assert (answer.status_code, answer.json()["ok"], answer.json()["error_code"]) == (status, False, code)
    assert (await client.post("/ping")).json()["balance"] == "100.00"


async def test_what_the_wallet_or_the_stock_does_not_cover_is_refused(
    shop: Shop, client: MachineClient, machine: Machines
) -> None:
    poor = await machine(shop, await member(shop))
    order = {"sku_id": shop.product_id, "quantity": 1}

    unpaid = await poor.post("/orders", order)
    short = await client.post("/orders", order | {"quantity": 6})

    assert (unpaid.status_code, unpaid.json()["error_code"]) == (402, "insufficient_balance")
    assert (short.status_code, short.json()["error_code"]) == (409, "insufficient_stock")


async def test_a_delivered_order_cannot_be_cancelled(client: MachineClient, shop: Shop) -> None:
    placed = (await client.post("/orders", {"sku_id": shop.product_id, "quantity": 1})).json()
    answer = await client.post(f"/orders/{placed['order_id']}/cancel")

    assert (answer.status_code, answer.json()["error_code"]) == (409, "cancel_not_allowed")


async def test_an_order_that_waits_is_cancelled_once_and_the_money_is_back(runtime: Runtime, machine: Machines) -> None:
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    buyer = await member(shop)
    await fill(shop, buyer, 1_000)
    client = await machine(shop, buyer)

    placed = (await client.post("/orders", {"sku_id": shop.product_id, "quantity": 1})).json()
    first = await client.post(f"/orders/{placed['order_id']}/cancel")
    second = await client.post(f"/orders/{placed['order_id']}/cancel")

    assert placed["status"] == "paid"
    assert [answer.json()["status"] for answer in (first, second)] == ["canceled", "canceled"]
    assert (await client.post("/ping")).json()["balance"] == "10.00"


async def test_another_keys_orders_are_not_there(client: MachineClient, shop: Shop, machine: Machines) -> None:
    placed = (await client.post("/orders", {"sku_id": shop.product_id, "quantity": 1})).json()
    other = await machine(shop, await member(shop))

    answer = await other.get(f"/orders/{placed['order_id']}")

    assert (answer.status_code, answer.json()["error_code"]) == (404, "order_not_found")


async def test_wrong_old_and_revoked_signatures_are_refused_alike(
    runtime: Runtime, shop: Shop, machine: Machines
) -> None:
    buyer = await member(shop)
    good, slow = await machine(shop, buyer), await machine(shop, buyer, skew_s=-90)
    forged = await machine(shop, buyer)
    forged.secret = "0" * 64
    unknown = await machine(shop, buyer)
    unknown.key = "km_nobody"
    revoked = await machine(shop, buyer)
    async with shop.tenant.begin() as session:
        held = await keys.of_buyer(session, buyer)
        await keys.revoke(session, buyer, next(one.id for one in held if one.key == revoked.key))

    answers = [await client.post("/ping") for client in (slow, forged, unknown, revoked)]

    assert (await good.post("/ping")).status_code == 200
    assert {(a.status_code, a.text) for a in answers} == {(401, answers[0].text)}
    assert answers[0].json()["error_code"] == "unauthorized"


async def test_a_changed_body_does_not_fit_its_signature(client: MachineClient, shop: Shop) -> None:
    seen: list[dict[str, str]] = []
    client.http.event_hooks["request"].append(_remember(seen))
    await client.post("/orders", {"sku_id": shop.product_id, "quantity": 1, "downstream_order_no": "D-9"})
    client.http.event_hooks["request"].clear()

    again = await client.http.post("/api/v1/upstream/orders", content=b'{"sku_id":1,"quantity":5}', headers=seen[0])

    assert again.status_code == 401


def _remember(seen: list[dict[str, str]]):  # type: ignore[no-untyped-def]  # httpx names no type for hooks
    async def remember(request: object) -> None:
        seen.append({k: v for k, v in request.headers.items() if k.startswith("dujiao")})  # type: ignore[attr-defined]

    return remember
