"""The sandbox adapter against the sandbox supplier as a process of its own: every fault, every outcome."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from kameng.infra.http import Outbound
from supplier_gateway.adapters.sandbox.client import SandboxAdapter
from supplier_gateway.adapters.sandbox.protocol import sign
from supplier_gateway.port import Answer, Fault, Order, Outcome, SupplierAdapter, SupplierUnavailable
from tests.support.processes import free_port, running

ACCOUNT, SECRET, CONTROL = "shop-1", "test-secret", "test-control"
ENV = {"SANDBOX_SUPPLIER_SECRET": SECRET, "SANDBOX_SUPPLIER_CONTROL": CONTROL}
TIMEOUT_S = 0.5
SERVER = "supplier_gateway.adapters.sandbox.server"


class Staged:
    """The running supplier seen from behind: what the control API tells and sets."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"X-Control-Token": CONTROL}, trust_env=False)

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


async def test_ten_cards_for_thirty_buyers_are_ten_sales(supplier: Staged, adapter: SupplierAdapter) -> None:
    supplier._post("/control/goods", [{"sku": "rare", "name": "rare", "cost": "1", "stock": 10}])
    references = [f"R-{uuid4().hex}" for _ in range(30)]
    answers = await asyncio.gather(*(adapter.buy(Order(name, "rare", 1, Decimal(1))) for name in references))

    cards = [card for answer in answers for card in answer.cards]
    assert len(cards) == len(set(cards)) == 10
    assert [answer.fault for answer in answers].count(Fault.OUT_OF_STOCK) == 20
    assert await adapter.balance_cents() == 1_000_000 - 1000


async def test_the_catalogue_and_an_unknown_good(adapter: SupplierAdapter) -> None:
    goods = {good.sku: good for good in await adapter.goods()}
    assert (goods["game"].name, goods["game"].cost, goods["game"].stock) == (
        "游戏点卡",
        Decimal("9.505"),
        100,
    )
    with pytest.raises(SupplierUnavailable) as caught:
        await adapter.stock("no such?good")
    assert caught.value.fault is Fault.REFUSED


@pytest.mark.parametrize(
    ("kind", "outcome", "fault", "made"),
    [
        ("error", Outcome.UNKNOWN, Fault.UNREADABLE, 0),
        ("html", Outcome.UNKNOWN, Fault.UNREADABLE, 0),
        ("down", Outcome.UNKNOWN, Fault.TIMEOUT, 0),
        ("timeout_before", Outcome.UNKNOWN, Fault.TIMEOUT, 0),
        ("timeout_after_success", Outcome.UNKNOWN, Fault.TIMEOUT, 1),
        ("out_of_stock", Outcome.FAILED, Fault.OUT_OF_STOCK, 0),
        ("pending", Outcome.PENDING, None, 1),
    ],
)
async def test_each_fault_has_its_outcome_and_then_find_tells_the_truth(
    supplier: Staged,
    adapter: SupplierAdapter,
    order: Order,
    kind: str,
    outcome: Outcome,
    fault: Fault | None,
    made: int,
) -> None:
    supplier.goes_wrong(kind, delay_ms=1500)

    assert stands(await adapter.buy(order)) == (outcome, fault)
    assert len(supplier.orders_of(order.reference)) == made
    assert await adapter.balance_cents() == 1_000_000 - 1901 * made
    found = await adapter.find(order.reference)
    if kind == "timeout_after_success":
        assert stands(found) == (Outcome.DELIVERED, None)
        assert len(found.cards) == 2
    elif not made:
        assert stands(found) == (Outcome.FAILED, Fault.NOT_FOUND)


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


async def test_a_pending_order_is_delivered_later(supplier: Staged, adapter: SupplierAdapter, order: Order) -> None:
    supplier.goes_wrong("pending", delay_ms=200)

    assert (await adapter.buy(order)).outcome is Outcome.PENDING
    assert (await adapter.find(order.reference)).cards == ()
    await asyncio.sleep(0.25)
    assert len((await adapter.find(order.reference)).cards) == 2


@pytest.mark.parametrize("kind", ["error", "html", "down", "timeout_before"])
async def test_a_question_that_fails_says_nothing_of_the_order(
    supplier: Staged, adapter: SupplierAdapter, order: Order, kind: str
) -> None:
    await adapter.buy(order)
    supplier.goes_wrong(kind, on="any", count=None)

    assert (await adapter.find(order.reference)).outcome is Outcome.UNKNOWN
    with pytest.raises(SupplierUnavailable):
        await adapter.balance_cents()


async def test_a_share_of_requests_fails_and_latency_is_added(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    supplier.plan({"latency_ms": 100, "chance": {"share": 1.0, "fault": {"kind": "error"}}})

    started = asyncio.get_running_loop().time()
    assert stands(await adapter.buy(order)) == (Outcome.UNKNOWN, Fault.UNREADABLE)
    assert asyncio.get_running_loop().time() - started >= 0.1


async def test_nobody_listening_is_a_definite_failure_to_buy_and_unknown_to_find(
    outbound: Outbound, order: Order
) -> None:
    nobody = SandboxAdapter(f"http://127.0.0.1:{free_port()}", ACCOUNT, SECRET, outbound, TIMEOUT_S)

    assert stands(await nobody.buy(order)) == (Outcome.FAILED, Fault.UNREACHABLE)
    assert stands(await nobody.find(order.reference)) == (Outcome.UNKNOWN, Fault.UNREACHABLE)
    with pytest.raises(SupplierUnavailable) as caught:
        await nobody.goods()
    assert caught.value.fault is Fault.UNREACHABLE


async def test_a_wallet_that_does_not_cover_it_and_a_price_above_ours_are_definite(
    supplier: Staged, adapter: SupplierAdapter, order: Order
) -> None:
    cheap = Order(order.reference, order.sku, order.quantity, Decimal("9.50"))
    assert stands(await adapter.buy(cheap)) == (Outcome.FAILED, Fault.REFUSED)
    supplier.balance(1900)
    assert stands(await adapter.buy(order)) == (Outcome.FAILED, Fault.BALANCE)
    assert supplier.orders_of(order.reference) == []


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
    too_old = httpx.get(f"{supplier.url}/v1/balance", headers=headers)
    assert (too_old.status_code, too_old.json()["error"]) == (401, "signature")

    date = str(int(time.time()))
    headers |= {"X-Timestamp": date, "X-Signature": sign(SECRET, "GET", "/v1/balance", date, nonce, b"")}
    assert httpx.get(f"{supplier.url}/v1/balance", headers=headers).status_code == 200
    repeat = httpx.get(f"{supplier.url}/v1/balance", headers=headers)
    assert (repeat.status_code, repeat.json()["detail"]) == (401, "this nonce was used before")


def test_the_control_api_wants_its_token(supplier: Staged) -> None:
    for path in ("/control/orders", "/control/faults"):
        assert httpx.get(supplier.url + path).status_code == 401
        assert httpx.get(supplier.url + path, headers={b"X-Control-Token": "错".encode()}).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'{"reference":"a","sku":"game","quantity":0,"max_unit_cost":"9"}', b"{}"]
)
def test_a_malformed_order_is_a_definite_refusal(supplier: Staged, body: bytes) -> None:
    date, nonce = str(int(time.time())), uuid4().hex
    signature = sign(SECRET, "POST", "/v1/orders", date, nonce, body)
    headers = {"X-Account": ACCOUNT, "X-Timestamp": date, "X-Nonce": nonce, "X-Signature": signature}
    reply = httpx.post(f"{supplier.url}/v1/orders", content=body, headers=headers)
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
            httpx.get(f"{staged.url}/v1/goods", headers=headers, timeout=0.3)
        staged.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0


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
