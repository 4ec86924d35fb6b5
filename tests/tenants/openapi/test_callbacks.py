"""A downstream shop gives an address with its order and is told what becomes of it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct, structs
from sqlalchemy import text

from kameng.infra.http import Outbound
from kameng.infra.runtime import Runtime
from tenants.orders import service as orders
from tests.support.house import Shop, open_shop, work_off
from tests.support.liar import Asked, Liar, running_liar
from tests.support.machine_client import MachineClient
from tests.tenants.openapi.conftest import Machines, member
from tests.tenants.openapi.test_buying import fill
from tests.tenants.orders import stall

OK = (200, b'{"ok":true}')
LEFT = text("SELECT count(*) FROM outbox WHERE tenant_id = :id AND follower LIKE '%callbacks.tell'")
FIELDS = [{"label": "账号", "kind": "account"}, {"label": "区服", "kind": "choice", "choices": ["一区", "二区"]}]


class Downstream(Struct):
    """A shop's ear. It answers with `answers`, one after the other, and with the last for ever."""

    answers: list[tuple[int, bytes]]
    url: str = ""

    def says(self, _: Asked) -> tuple[int, bytes]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def ear() -> AsyncIterator[tuple[Downstream, Liar]]:
    downstream = Downstream([OK])
    async with running_liar(downstream.says) as liar:
        yield downstream, liar


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Sells a thing of its own that a person does."""
    shop = await open_shop(runtime, deposit_cents=1)
    product_id = await stall.add_product(shop)
    await stall.change(shop, product_id, fulfilment="by_hand", fields=FIELDS)
    return structs.replace(shop, product_id=product_id)


@pytest.fixture
async def client(shop: Shop, machine: Machines) -> MachineClient:
    buyer = await member(shop)
    await fill(shop, buyer, 10_000)
    return await machine(shop, buyer)


def order(shop: Shop, **more: Any) -> dict[str, Any]:
    filled = {"账号": "li_na", "区服": "二区"}
    return {"sku_id": shop.product_id, "quantity": 1, "downstream_order_no": "D-1", "manual_form_data": filled} | more


async def deliver(shop: Shop, no: str, given: list[str] | str) -> None:
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await orders.deliver_by_hand(session, sealer, no, given, "li")


async def left(shop: Shop) -> int:
    async with shop.runtime.database.master_session() as session:
        return int((await session.execute(LEFT, {"id": shop.tenant.id})).scalar_one())


async def test_a_delivery_is_told_signed_with_the_key_that_placed_the_order(
    shop: Shop, client: MachineClient, ear: tuple[Downstream, Liar]
) -> None:
    _, liar = ear
    sent = order(shop, callback_url=f"{liar.url}/kameng/back?x=1", trace_id="T-7")
    placed = (await client.post("/orders", sent)).json()
    await work_off(shop.runtime)
    assert liar.asked == []

    await deliver(shop, placed["order_no"], ["SECRET-1"])
    await work_off(shop.runtime)

    (call,) = liar.asked
    said = json.loads(call.body)
    timestamp = call.headers["dujiao-next-timestamp"]
    digest = hashlib.md5(call.body, usedforsecurity=False).hexdigest()
    signed = f"POST\n/kameng/back\n{timestamp}\n{digest}".encode()
    assert call.headers["dujiao-next-api-key"] == client.key
    assert call.headers["dujiao-next-signature"] == hmac.new(client.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert (said["order_id"], said["order_no"], said["downstream_order_no"], said["trace_id"], said["status"]) == (
        placed["order_id"], placed["order_no"], "D-1", "T-7", "completed",
    )  # fmt: skip
    assert said["fulfillment"]["payload"] == "SECRET-1"
    assert await left(shop) == 0


async def test_what_is_not_acknowledged_is_told_again_and_then_no_more(
    shop: Shop, client: MachineClient, ear: tuple[Downstream, Liar]
) -> None:
    downstream, liar = ear
    downstream.answers[:] = [(500, b"down"), (200, b"<html>"), (200, b'{"ok":false}'), OK]
    placed = (await client.post("/orders", order(shop, callback_url=liar.url))).json()
    await deliver(shop, placed["order_no"], "Done.")

    for _ in range(3):
        await work_off(shop.runtime)
        assert await left(shop) == 1
    await work_off(shop.runtime)

    assert len(liar.asked) == 4
    assert json.loads(liar.asked[-1].body)["fulfillment"]["payload"] == "Done."
    assert await left(shop) == 0


async def test_a_cancelled_order_is_told_without_goods(
    shop: Shop, client: MachineClient, ear: tuple[Downstream, Liar]
) -> None:
    _, liar = ear
    placed = (await client.post("/orders", order(shop, callback_url=liar.url))).json()

    await client.post(f"/orders/{placed['order_id']}/cancel")
    await work_off(shop.runtime)

    said = json.loads(liar.asked[0].body)
    assert said["status"] == "canceled"
    assert "fulfillment" not in said


async def test_private_addresses_are_not_called_and_not_tried_again(
    shop: Shop, client: MachineClient, ear: tuple[Downstream, Liar]
) -> None:
    _, liar = ear
    placed = (await client.post("/orders", order(shop, callback_url=liar.url))).json()
    await deliver(shop, placed["order_no"], "Done.")
    outside = Outbound(allow_private=False)
    await work_off(structs.replace(shop.runtime, outbound=outside))
    await outside.aclose()

    assert liar.asked == []
    assert await left(shop) == 0


@pytest.mark.parametrize("url", ["ftp://example.com/x", "javascript:1", "http://", "http://a:b@example.com/", "/x"])
async def test_what_is_no_address_is_refused_before_anything_is_bought(
    shop: Shop, client: MachineClient, url: str
) -> None:
    answer = await client.post("/orders", order(shop, callback_url=url))

    assert (answer.status_code, answer.json()["error_code"]) == (400, "bad_request")
    assert (await client.post("/ping")).json()["balance"] == "100.00"


async def test_what_a_product_asks_for_comes_with_the_order(shop: Shop, client: MachineClient) -> None:
    placed = (await client.post("/orders", order(shop))).json()
    wrong = await client.post("/orders", order(shop, downstream_order_no="D-2", manual_form_data={"账号": "li_na"}))

    async with shop.tenant.begin() as session:
        found = await session.execute(text("SELECT inputs FROM orders WHERE no = :no"), {"no": placed["order_no"]})
        assert found.scalar_one() == {"账号": "li_na", "区服": "二区"}
    assert (wrong.status_code, wrong.json()["error_code"]) == (400, "bad_request")


async def test_a_variant_is_bought_by_its_sku_and_its_head_is_not(runtime: Runtime, machine: Machines) -> None:
    shop = await open_shop(runtime, deposit_cents=1)
    head = await stall.add_product(shop, name="head")
    variant = await stall.add_product(shop, name="variant", price="12")
    await stall.change(shop, head, specs=[{"name": "面值", "values": ["50"]}])
    await stall.change(shop, variant, variant_of=head, spec_values='{"面值": "50"}')
    await stall.add_own(shop, variant, ["V-1"])
    buyer = await member(shop)
    await fill(shop, buyer, 2_000)
    client = await machine(shop, buyer)

    listed = (await client.get(f"/products/{head}")).json()["product"]
    bought = (await client.post("/orders", {"sku_id": variant, "quantity": 1})).json()
    refused = await client.post("/orders", {"sku_id": head, "quantity": 1})

    assert [sku["id"] for sku in listed["skus"]] == [variant]
    assert (bought["status"], bought["amount"]) == ("completed", "12.00")
    assert (refused.status_code, refused.json()["error_code"]) == (404, "product_not_found")
