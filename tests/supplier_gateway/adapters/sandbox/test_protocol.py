"""What is the sandbox supplier's own: signatures, control, callbacks, top-ups, pages. `test_contract` has the rest."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from msgspec.structs import replace

from kameng.infra.http import Outbound
from supplier_gateway.adapters.sandbox.client import SandboxAdapter
from supplier_gateway.adapters.sandbox.protocol import sign
from supplier_gateway.port import (
    Answer,
    Called,
    CallRefused,
    Fault,
    GoodField,
    Order,
    Outcome,
    SupplierAdapter,
    SupplierUnavailable,
)
from tests.support.liar import running_liar
from tests.support.loopback import NO_AUTHORITIES, http
from tests.support.processes import free_port, running

ACCOUNT, SECRET, CONTROL = "shop-1", "test-secret", "test-control"
ENV = {"SANDBOX_SUPPLIER_SECRET": SECRET, "SANDBOX_SUPPLIER_CONTROL": CONTROL}
TIMEOUT_S = 2.0
SERVER = "supplier_gateway.adapters.sandbox.server"


class Staged:
    """The running supplier seen from behind: what the control API tells and sets."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url, headers={"X-Control-Token": CONTROL}, verify=NO_AUTHORITIES, trust_env=False
        )

    def goes_wrong(self, kind: str, **more: object) -> None:
        self._post("/control/faults", {"queue": [{"kind": kind, **more}]})

    def reset(self) -> None:
        self._post("/control/faults", {})
        self._post("/control/goods", [{"sku": "game", "name": "游戏点卡", "cost": "9.505", "stock": 100}])
        self._post("/control/balance", {"balance_cents": 1_000_000})

    def orders_of(self, reference: str) -> list[dict[str, object]]:
        orders: list[dict[str, object]] = self._http.get("/control/orders").raise_for_status().json()
        return [order for order in orders if order["reference"] == reference]

    def balance(self, balance_cents: int) -> None:
        self._post("/control/balance", {"balance_cents": balance_cents})

    def goods(self, *goods: dict[str, object]) -> None:
        self._post("/control/goods", list(goods))

    def plan(self, plan: object) -> None:
        self._post("/control/faults", plan)

    def close(self) -> None:
        self._http.close()

    def _post(self, path: str, body: object) -> None:
        self._http.post(path, json=body).raise_for_status()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    with running(
        ["-m", SERVER, "--port", str(port), "--account", ACCOUNT], f"http://127.0.0.1:{port}/healthz", env=ENV
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def supplier(url: str) -> Iterator[Staged]:
    staged = Staged(url)
    staged.reset()
    yield staged
    staged.close()


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private=True)
    yield outbound
    await outbound.aclose()


@pytest.fixture
def adapter(supplier: Staged, outbound: Outbound) -> SupplierAdapter:
    return SandboxAdapter(supplier.url, ACCOUNT, SECRET, outbound, TIMEOUT_S)


@pytest.fixture
def order() -> Order:
    return Order(reference=f"P-{uuid4().hex}", sku="game", quantity=2, max_unit_cost=Decimal("9.505"))


def stands(answer: Answer) -> tuple[Outcome, Fault | None]:
    return answer.outcome, answer.fault


async def test_an_order_delivers_cards_and_is_charged_once(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    answer = await adapter.buy(order)

    assert stands(answer) == (Outcome.DELIVERED, None)
    assert len(set(answer.cards)) == 2
    assert all(card.startswith("SBX-") and len(card) == 18 for card in answer.cards)
    assert answer.cost_cents == 1901  # 2 x 9.505, half up
    assert await adapter.balance_cents() == 1_000_000 - 1901
    assert await adapter.stock("game") == 98


async def test_the_same_reference_again_is_the_first_order(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    first, *others = await asyncio.gather(*(adapter.buy(order) for _ in range(5)))

    assert all(other == first for other in others)
    assert await adapter.find(order.reference) == first
    assert await adapter.balance_cents() == 1_000_000 - 1901
    assert [made["requests"] for made in supplier.orders_of(order.reference)] == [5]


async def test_the_same_reference_for_something_else_is_refused(adapter: SupplierAdapter, order: Order) -> None:
    await adapter.buy(order)
    other = Order(order.reference, order.sku, 3, order.max_unit_cost)

    assert stands(await adapter.buy(other)) == (Outcome.FAILED, Fault.REFUSED)


async def test_the_catalogue_and_an_unknown_good(adapter: SupplierAdapter) -> None:
    goods = {good.sku: good for good in (await adapter.goods()).goods}
    assert (goods["game"].name, goods["game"].cost, goods["game"].stock) == (
        "游戏点卡",
        Decimal("9.505"),
        100,
    )
    with pytest.raises(SupplierUnavailable) as caught:
        await adapter.stock("no such?good")
    assert caught.value.fault is Fault.REFUSED


async def test_buying_again_after_a_timeout_after_success_buys_nothing_more(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    supplier.goes_wrong("timeout_after_success")
    await adapter.buy(order)

    again = await adapter.buy(order)

    assert again == await adapter.find(order.reference)
    assert len(supplier.orders_of(order.reference)) == 1
    assert await adapter.balance_cents() == 1_000_000 - 1901


async def test_a_slow_supplier_is_waited_for_within_the_timeout(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    supplier.goes_wrong("slow", delay_ms=150)
    assert (await adapter.buy(order)).outcome is Outcome.DELIVERED


async def ended(adapter: SupplierAdapter, reference: str) -> Answer:
    """What becomes of an order that is being worked on."""
    async with asyncio.timeout(30):
        while (answer := await adapter.find(reference)).outcome is Outcome.PENDING:
            assert answer.cards == ()
            await asyncio.sleep(0.05)
    return answer


async def test_a_pending_order_is_delivered_later(supplier: Staged, adapter: SupplierAdapter, order: Order) -> None:
    supplier.goes_wrong("pending", delay_ms=200)

    assert (await adapter.buy(order)).outcome is Outcome.PENDING
    assert len((await ended(adapter, order.reference)).cards) == 2


async def test_a_pending_order_may_fail_and_the_money_is_back(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    supplier.goes_wrong("fails_later", delay_ms=200)

    assert (await adapter.buy(order)).outcome is Outcome.PENDING
    assert stands(await ended(adapter, order.reference)) == (Outcome.FAILED, Fault.REFUSED)
    assert await adapter.balance_cents() == 1_000_000


TOPUP = {
    "sku": "coins", "name": "Q 币", "cost": "0.95", "stock": 500, "kind": "topup", "takes_s": 0.2,
    "fields": [{"label": "QQ 号", "pattern": "[1-9][0-9]{4,11}"}],
}  # fmt: skip


def topup(account: str) -> Order:
    return Order(f"P-{uuid4().hex}", "coins", 30, Decimal(1), "topup", {"QQ 号": account})


async def test_a_topup_is_done_for_the_account_that_the_buyer_names(supplier: Staged, adapter: SupplierAdapter) -> None:
    supplier.goods(TOPUP)
    order = topup("10001")

    assert (await adapter.buy(order)).outcome is Outcome.PENDING
    answer = await ended(adapter, order.reference)

    assert stands(answer) == (Outcome.DELIVERED, None)
    assert (answer.cards, answer.delivered_quantity, answer.cost_cents) == ((), 30, 2850)
    assert answer.message.startswith("充值成功")
    (good,) = [good for good in (await adapter.goods()).goods if good.sku == "coins"]
    assert (good.kind, good.fields) == ("topup", (GoodField("QQ 号", pattern="[1-9][0-9]{4,11}"),))


async def test_a_wrong_account_is_the_buyers_mistake_and_buys_nothing(
    supplier: Staged, adapter: SupplierAdapter
) -> None:
    supplier.goods(TOPUP)
    order = topup("not a number")

    assert stands(await adapter.buy(order)) == (Outcome.FAILED, Fault.INPUT)
    assert supplier.orders_of(order.reference) == []


async def test_a_catalogue_of_many_goods_comes_in_pages_that_miss_nothing(
    supplier: Staged, adapter: SupplierAdapter
) -> None:
    names = {f"many-{number}" for number in range(250)}
    supplier.goods(*({"sku": name, "name": name, "cost": "1", "stock": 1} for name in names))
    found: list[str] = []
    sizes: list[int] = []
    cursor = ""
    while True:
        page = await adapter.goods(cursor)
        sizes.append(len(page.goods))
        found += [good.sku for good in page.goods]
        if not (cursor := page.next_cursor):
            break

    assert names < set(found)
    assert len(found) == len(set(found))
    assert max(sizes) == 100


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("pending", ["delivered"]),
        ("callback_twice", ["delivered", "delivered"]),
        ("callback_out_of_order", ["delivered", "pending"]),
    ],
)
async def test_callbacks_are_signed_and_name_our_reference(
    supplier: Staged, outbound: Outbound, order: Order, kind: str, told: list[str]
) -> None:
    async with running_liar(lambda _: (200, b"ok")) as ours:
        adapter = SandboxAdapter(supplier.url, ACCOUNT, SECRET, outbound, TIMEOUT_S, f"{ours.url}/callback")
        supplier.goes_wrong(kind, delay_ms=100)
        await adapter.buy(order)
        async with asyncio.timeout(30):
            while len(ours.asked) < len(told):  # noqa: ASYNC110 - what comes over the wire sets no event
                await asyncio.sleep(0.05)

    calls = [Called(asked.method, asked.target, asked.headers, asked.body) for asked in ours.asked]
    assert [json.loads(call.body)["status"] for call in calls] == told
    assert [adapter.heard(call) for call in calls] == [order.reference] * len(told)
    rotated = SandboxAdapter(supplier.url, ACCOUNT, "new", outbound, TIMEOUT_S, "", ("new", SECRET))
    assert rotated.heard(calls[0]) == order.reference
    for forged in (replace(calls[0], target="/other"), replace(calls[0], body=calls[0].body + b" ")):
        with pytest.raises(CallRefused):
            adapter.heard(forged)


async def test_with_a_seed_every_run_has_the_same_fate(supplier: Staged, adapter: SupplierAdapter) -> None:
    async def fate() -> list[Outcome]:
        supplier.plan({"seed": 7, "chances": [{"share": 0.5, "fault": {"kind": "html"}}]})
        orders = [Order(f"P-{uuid4().hex}", "game", 1, Decimal(10)) for _ in range(20)]
        return [(await adapter.buy(order)).outcome for order in orders]

    first = await fate()

    assert set(first) == {Outcome.DELIVERED, Outcome.UNKNOWN}
    assert await fate() == first


async def test_a_share_of_requests_fails_and_latency_is_added(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    supplier.plan({"latency_ms": 100, "chances": [{"share": 1.0, "fault": {"kind": "error"}}]})

    started = asyncio.get_running_loop().time()
    assert stands(await adapter.buy(order)) == (Outcome.UNKNOWN, Fault.UNREADABLE)
    assert asyncio.get_running_loop().time() - started >= 0.1


async def test_a_wrong_secret_is_refused_and_says_nothing_of_an_order(
    supplier: Staged, adapter: SupplierAdapter, outbound: Outbound, order: Order
) -> None:
    await adapter.buy(order)
    stranger = SandboxAdapter(supplier.url, ACCOUNT, "wrong", outbound, TIMEOUT_S)

    assert stands(await stranger.buy(order)) == (Outcome.FAILED, Fault.REFUSED)
    assert stands(await stranger.find(order.reference)) == (Outcome.UNKNOWN, Fault.REFUSED)


def test_a_request_heard_twice_is_refused(supplier: Staged) -> None:
    timestamp, nonce = "1", uuid4().hex
    old = sign(SECRET, "GET", "/v1/balance", timestamp, nonce, b"")
    headers = {"X-Account": ACCOUNT, "X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": old}
    too_old = http.get(f"{supplier.url}/v1/balance", headers=headers)
    assert (too_old.status_code, too_old.json()["error"]) == (401, "signature")

    date = str(int(time.time()))
    headers |= {"X-Timestamp": date, "X-Signature": sign(SECRET, "GET", "/v1/balance", date, nonce, b"")}
    assert http.get(f"{supplier.url}/v1/balance", headers=headers).status_code == 200
    repeat = http.get(f"{supplier.url}/v1/balance", headers=headers)
    assert (repeat.status_code, repeat.json()["detail"]) == (401, "this nonce was used before")


def test_the_control_api_wants_its_token(supplier: Staged) -> None:
    for path in ("/control/orders", "/control/faults"):
        assert http.get(supplier.url + path).status_code == 401
        assert http.get(supplier.url + path, headers={b"X-Control-Token": "错".encode()}).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'{"reference":"a","sku":"game","quantity":0,"max_unit_cost":"9"}', b"{}"]
)
def test_a_malformed_order_is_a_definite_refusal(supplier: Staged, body: bytes) -> None:
    date, nonce = str(int(time.time())), uuid4().hex
    signature = sign(SECRET, "POST", "/v1/orders", date, nonce, body)
    headers = {"X-Account": ACCOUNT, "X-Timestamp": date, "X-Nonce": nonce, "X-Signature": signature}
    reply = http.post(f"{supplier.url}/v1/orders", content=body, headers=headers)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid")


async def test_the_state_file_keeps_orders_across_a_restart(tmp_path: Path, outbound: Outbound, order: Order) -> None:
    port = free_port()
    argv = ["-m", SERVER, "--port", str(port), "--account", ACCOUNT, "--state", str(tmp_path / "shelf.json")]
    url = f"http://127.0.0.1:{port}"
    adapter = SandboxAdapter(url, ACCOUNT, SECRET, outbound, 2)
    wanted = Order(order.reference, "steam-50", 1, Decimal(50))
    with running(argv, f"{url}/healthz", env=ENV):
        first = await adapter.buy(wanted)
    with running(argv, f"{url}/healthz", env=ENV):
        assert await adapter.buy(wanted) == first
        assert await adapter.stock("steam-50") == 499


def test_it_ends_at_once_on_sigterm_though_a_request_hangs(tmp_path: Path) -> None:
    port = free_port()
    with running(["-m", SERVER, "--port", str(port)], f"http://127.0.0.1:{port}/healthz", env=ENV) as process:
        staged = Staged(f"http://127.0.0.1:{port}")
        staged.plan({"latency_ms": 60_000})
        date, nonce = str(int(time.time())), uuid4().hex
        signature = sign(SECRET, "GET", "/v1/goods", date, nonce, b"")
        headers = {"X-Account": "demo", "X-Timestamp": date, "X-Nonce": nonce, "X-Signature": signature}
        with pytest.raises(httpx.ReadTimeout):
            http.get(f"{staged.url}/v1/goods", headers=headers, timeout=0.3)
        staged.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_known_secrets_are_refused_off_loopback() -> None:
    with (
        pytest.raises(RuntimeError, match="off loopback"),
        running(
            ["-m", SERVER, "--port", str(free_port()), "--host", "0.0.0.0"],  # noqa: S104  # must be refused
            "http://127.0.0.1:1/",
        ),
    ):
        pytest.fail("it started")


def test_a_port_in_use_is_said_and_ends_it(url: str) -> None:
    taken = url.rsplit(":", 1)[1]
    with (
        pytest.raises(RuntimeError, match="cannot serve"),
        running(["-m", SERVER, "--port", taken], "http://127.0.0.1:1/"),
    ):
        pytest.fail("it started")


def test_signing_needs_a_secret() -> None:
    with pytest.raises(ValueError, match="empty secret"):
        sign("", "GET", "/", "1", "n", b"")
