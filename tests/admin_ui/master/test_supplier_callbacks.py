"""Where suppliers call back: only they are heard, and what they say is a reason to ask."""

import json
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from supplier_gateway.adapters.sandbox.protocol import sign
from supplier_gateway.suppliers import queries, service
from supplier_gateway.suppliers.service import AccountChange, Supplier, SupplierCalled

SECRET = "callback-secret"
FOLLOWER = "tests.callbacks"


class Address:
    """A supplier's callback address, and a way to call it."""

    def __init__(self, http: httpx.AsyncClient, supplier_id: int, path: str) -> None:
        self.http, self.supplier_id, self.path = http, supplier_id, path

    async def call(
        self, reference: str, *, secret: str = SECRET, path: str = "", status: str = "delivered", age_s: int = 0
    ) -> tuple[int, str]:
        body = json.dumps({"reference": reference, "order_no": "S1", "status": status}).encode()
        date, nonce = str(int(time.time()) - age_s), uuid4().hex
        headers = {
            "X-Account": "demo", "X-Timestamp": date, "X-Nonce": nonce, "content-type": "application/json",
            "X-Signature": sign(secret, "POST", self.path, date, nonce, body),
        }  # fmt: skip
        answer = await self.http.post(path or self.path, content=body, headers=headers)
        return answer.status_code, answer.text


@pytest.fixture
async def address(runtime: Runtime, door: HostDispatch, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Address]:
    recorded: type[Event] = SupplierCalled
    monkeypatch.setitem(outbox.followers, recorded, [FOLLOWER])  # what is recorded is read from its rows
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        name = f"calls {ids.code(8)}"
        supplier = await service.add(session, sealer, name, "sandbox", "http://127.0.0.1:9", "demo", SECRET)
    url = service.callback_url(runtime, await fresh(runtime, supplier.id))
    host = f"http://{runtime.settings.master_host}"
    path = "/supplier-callbacks" + url.partition("/supplier-callbacks")[2]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url=host) as http:
        yield Address(http, supplier.id, path)
    async with runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM outbox WHERE follower = :f"), {"f": FOLLOWER})


async def fresh(runtime: Runtime, supplier_id: int) -> Supplier:
    async with runtime.database.master_session() as session:
        return await queries.find(session, supplier_id)


async def heard(runtime: Runtime, supplier_id: int) -> list[str]:
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text("SELECT payload FROM outbox WHERE follower = :f ORDER BY id"), {"f": FOLLOWER}
        )
        return [row.payload["reference"] for row in rows if row.payload["supplier_id"] == supplier_id]


async def test_a_call_of_the_supplier_is_a_reason_to_ask_however_often_it_comes(
    runtime: Runtime, address: Address
) -> None:
    assert await address.call("KM1") == (200, "ok")
    assert await address.call("KM1") == (200, "ok")
    assert await address.call("KM1", status="pending") == (200, "ok")

    assert await heard(runtime, address.supplier_id) == ["KM1"] * 3


async def test_nobody_else_is_heard(runtime: Runtime, address: Address) -> None:
    other = address.path[:-4] + ("aaaa" if not address.path.endswith("aaaa") else "bbbb")

    assert await address.call("KM1", secret="guessed") == (400, "fail")
    assert await address.call("KM1", path=other) == (404, "fail")
    assert await address.call("KM1", path=f"{address.path}?x=1") == (400, "fail")
    assert await address.call("KM1", age_s=3600) == (400, "fail")
    assert await address.call("KM1", path="/supplier-callbacks/99999999999/x") == (404, "fail")
    assert (await address.http.post(address.path, content=b"\xff" * 100)).status_code == 400

    assert await heard(runtime, address.supplier_id) == []


async def test_a_changed_key_is_heard_at_once_and_the_one_before_it_for_a_day(
    runtime: Runtime, address: Address
) -> None:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        wanted = AccountChange("http://127.0.0.1:9", "demo", None, "the new one")
        await service.change(session, sealer, address.supplier_id, wanted)

    assert await address.call("NEW", secret="the new one") == (200, "ok")
    assert await address.call("OLD") == (200, "ok")
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE suppliers SET secret_changed_at = now() - interval '25 hours' WHERE id = :id"),
            {"id": address.supplier_id},
        )
    assert await address.call("TOO LATE") == (400, "fail")
    assert await heard(runtime, address.supplier_id) == ["NEW", "OLD"]


async def test_a_protocol_without_callbacks_hears_none(runtime: Runtime, address: Address) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE suppliers SET protocol = 'acg' WHERE id = :id"), {"id": address.supplier_id})

    assert await address.call("KM1") == (400, "fail")
