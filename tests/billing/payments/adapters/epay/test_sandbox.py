"""The provider, the sandbox gateway as a process of its own, and a shop that listens for notices."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest

from billing.payments.adapters.epay.client import Channel, EpayProvider
from billing.payments.adapters.epay.signing import signed
from billing.payments.adapters.port import GatewayState, NotifyRefused, PayRequest, PayStatus
from kameng.infra.http import Outbound
from tests.support.loopback import async_client
from tests.support.processes import free_port, running

KEY, OTHER_KEY, CONTROL = "key-of-1001", "key-of-1002", "test-control"
GATEWAY = "billing.payments.adapters.epay.sandbox"
MERCHANTS = f"1001:{KEY}:星河游戏 <店>,1002:{OTHER_KEY}:Other"


@dataclass
class Shop:
    """Hears notices on loopback; `answers` are given in turn, the last one for ever."""

    port: int
    answers: list[str] = field(default_factory=lambda: ["success"])
    heard: list[dict[str, str]] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(30):
            async with self.news:
                await self.news.wait_for(lambda: len(self.heard) >= count)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = urlsplit(head.split()[1])
        self.heard.append(dict(parse_qsl(target.query)))
        self.paths.append(target.path)
        self.hosts += re.findall(r"(?im)^host: (.*?)\r?$", head)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(answer)}\r\n\r\n{answer}".encode())
        await writer.drain()
        writer.close()
        async with self.news:
            self.news.notify_all()


@asynccontextmanager
async def listening() -> AsyncIterator[Shop]:
    shop = Shop(free_port())
    server = await asyncio.start_server(shop._talk, "127.0.0.1", shop.port)
    try:
        yield shop
    finally:
        server.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with listening() as shop:
        yield shop


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    env = {"SANDBOX_GATEWAY_MERCHANTS": MERCHANTS, "SANDBOX_GATEWAY_CONTROL": CONTROL}
    argv = ["-m", GATEWAY, "--port", str(port), "--retry-ms", "20"]
    with running(argv, f"http://127.0.0.1:{port}/healthz", env=env):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def browser(url: str, control: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    async with async_client(base_url=url) as client:
        yield client


@pytest.fixture
async def control(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with async_client(base_url=url, headers={"X-Control-Token": CONTROL}) as client:
        (await client.post("/control/notify", json={})).raise_for_status()
        yield client


@pytest.fixture
async def provider(url: str) -> AsyncIterator[EpayProvider]:
    outbound = Outbound(allow_private=True)
    yield EpayProvider(Channel(url, "1001", KEY), outbound)
    await outbound.aclose()


@pytest.fixture
def request_(shop: Shop) -> PayRequest:
    number = f"P{uuid4().hex}"
    return PayRequest(
        payment_no=number,
        name="原神 月卡 A&B=C <b>",
        amount_cents=2750,
        notify_url=f"http://shop.localhost:{shop.port}/notify/epay/{number}",
        return_url=f"http://shop.localhost:{shop.port}/orders/{number}?from=pay",
        method="alipay",
    )


async def press_pay(browser: httpx.AsyncClient, page: httpx.Response, **fields: str) -> httpx.Response:
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action, page.text
    return await browser.post(action[1], data=fields)


async def test_the_buyer_pays_and_the_shop_is_told_once(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest, shop: Shop
) -> None:
    page = await browser.get(provider.pay_url(request_))
    assert page.status_code == 200
    for words in (
        "¥27.50",
        "星河游戏 &lt;店&gt;",
        "原神 月卡 A＆B＝C &lt;b&gt;",
        "确认支付",
        "取消，返回商家",
    ):
        assert words in page.text
    assert await provider.query(request_.payment_no) == GatewayState(
        PayStatus.UNPAID, gateway_no=(await provider.query(request_.payment_no)).gateway_no
    )

    back = await press_pay(browser, page)

    assert len(shop.heard) == 1
    notice = provider.read_notify(shop.heard[0])
    notice.check(request_.payment_no, 2750)
    assert shop.hosts == [f"shop.localhost:{shop.port}"]
    assert shop.paths == [f"/notify/epay/{request_.payment_no}"]
    assert await provider.query(request_.payment_no) == GatewayState(PayStatus.PAID, 2750, notice.gateway_no)
    assert back.status_code == 303
    target = urlsplit(back.headers["location"])
    assert (target.netloc, target.path) == (f"shop.localhost:{shop.port}", f"/orders/{request_.payment_no}")
    fields = dict(parse_qsl(target.query))
    assert fields.pop("from") == "pay"
    assert fields == shop.heard[0]


async def test_paying_twice_tells_once(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest, shop: Shop
) -> None:
    page = await browser.get(provider.pay_url(request_))
    first, second = await asyncio.gather(press_pay(browser, page), press_pay(browser, page))
    assert first.headers["location"] == second.headers["location"]
    assert len(shop.heard) == 1
    again = await browser.get(provider.pay_url(request_))
    assert "已支付" in again.text
    assert "<form" not in again.text


async def test_notices_repeat_until_the_answer_is_success_and_nothing_else(
    browser: httpx.AsyncClient,
    provider: EpayProvider,
    control: httpx.AsyncClient,
    request_: PayRequest,
    shop: Shop,
) -> None:
    shop.answers = ["fail", '{"success":false}', "success"]
    await press_pay(browser, await browser.get(provider.pay_url(request_)))
    await shop.hears(3)
    await asyncio.sleep(0.2)

    sent = [
        note for note in (await control.get("/control/notices")).json() if note["out_trade_no"] == request_.payment_no
    ]
    assert [note["accepted"] for note in sent] == [False, False, True]
    assert [note["reply"] for note in sent] == ["fail", '{"success":false}', "success"]
    assert len(shop.heard) == 3


async def test_the_style_of_telling_is_staged(
    browser: httpx.AsyncClient,
    provider: EpayProvider,
    control: httpx.AsyncClient,
    request_: PayRequest,
    shop: Shop,
) -> None:
    await control.post("/control/notify", json={"mode": "off"})
    await press_pay(browser, await browser.get(provider.pay_url(request_)))
    assert (await provider.query(request_.payment_no)).status is PayStatus.PAID
    assert shop.heard == []

    await control.post(f"/control/orders/{request_.payment_no}/notice")
    assert len(shop.heard) == 1


async def test_a_notice_may_come_twice(
    provider: EpayProvider,
    control: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    request_: PayRequest,
    shop: Shop,
) -> None:
    await control.post("/control/notify", json={"mode": "twice"})
    await browser.get(provider.pay_url(request_))
    (await control.post(f"/control/orders/{request_.payment_no}/pay")).raise_for_status()
    await shop.hears(2)
    assert shop.heard[0] == shop.heard[1]


async def test_a_notice_may_come_after_the_browser_is_back(
    provider: EpayProvider,
    control: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    request_: PayRequest,
    shop: Shop,
) -> None:
    await control.post("/control/notify", json={"mode": "delayed", "delay_ms": 150})
    back = await press_pay(browser, await browser.get(provider.pay_url(request_)))
    assert (back.status_code, shop.heard) == (303, [])
    await shop.hears(1)


async def test_the_page_runs_no_script_and_may_only_lead_back(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest, shop: Shop
) -> None:
    page = await browser.get(provider.pay_url(request_))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert f"form-action 'self' http://shop.localhost:{shop.port}" in policy
    assert not re.search(r"<script|<style|style=|\son\w+=", page.text)
    style = await browser.get("/cashier.css")
    assert (style.status_code, style.headers["content-type"].split(";")[0]) == (200, "text/css")


async def test_an_english_browser_reads_english_and_may_choose_the_method(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest, shop: Shop
) -> None:
    open_choice = PayRequest(
        request_.payment_no, request_.name, request_.amount_cents, request_.notify_url, request_.return_url
    )
    page = await browser.get(provider.pay_url(open_choice), headers={"accept-language": "en-GB,en;q=0.9"})
    assert "Confirm payment" in page.text
    await press_pay(browser, page, type="wxpay")
    assert provider.read_notify(shop.heard[0]).method == "wxpay"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sign": "0" * 32}, "签名校验失败"),
        ({"pid": "9"}, "商户不存在"),
        ({"money": "0.01"}, "签名校验失败"),
    ],
)
async def test_a_forged_request_shows_a_refusal(
    browser: httpx.AsyncClient,
    provider: EpayProvider,
    request_: PayRequest,
    change: dict[str, str],
    words: str,
) -> None:
    page = await browser.get("/submit.php", params={**provider.pay_fields(request_), **change})
    assert page.status_code == 400
    assert words in page.text
    assert (await provider.query(request_.payment_no)).status is PayStatus.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        {"money": "0"},
        {"money": "1.001"},
        {"name": ""},
        {"out_trade_no": "../1"},
        {"notify_url": "javascript:alert(1)"},
        {"return_url": "http://a;script-src *"},
        {"type": "bitcoin"},
    ],
)
async def test_a_rightly_signed_request_that_makes_no_sense_is_refused(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest, change: dict[str, str]
) -> None:
    fields = signed({**provider.pay_fields(request_), **change}, KEY)
    assert (await browser.post("/submit.php", data=fields)).status_code == 400


async def test_the_same_number_with_another_amount_is_refused(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest
) -> None:
    await browser.get(provider.pay_url(request_))
    dearer = signed({**provider.pay_fields(request_), "money": "27.51"}, KEY)
    assert "金额不同" in (await browser.get("/submit.php", params=dearer)).text


async def test_a_machine_opens_an_order(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest
) -> None:
    fields = {**provider.pay_fields(request_), "clientip": "203.0.113.9", "device": "mobile"}
    opened = (await browser.post("/mapi.php", data=signed(fields, KEY))).json()
    assert opened["code"] == 1
    assert "¥27.50" in (await browser.get(opened["payurl"])).text
    assert (await browser.post("/mapi.php", data=fields)).json()["code"] == -1


async def test_merchants_ask_with_their_key_for_their_own_orders_and_refund_no_more_than_was_paid(
    browser: httpx.AsyncClient, provider: EpayProvider, request_: PayRequest
) -> None:
    async def api(**fields: str) -> dict[str, object]:
        reply: dict[str, object] = (await browser.post("/api.php", data=fields)).json()
        return reply

    mine = {"pid": "1001", "key": KEY, "out_trade_no": request_.payment_no}
    page = await browser.get(provider.pay_url(request_))
    assert (await api(**mine, act="refund", money="1"))["code"] == -1
    await press_pay(browser, page)

    order = await api(**mine, act="order")
    assert (order["status"], order["money"], order["type"]) == (1, "27.50", "alipay")
    assert (await api(**{**mine, "key": ""}, act="order"))["code"] == -1
    assert (await api(**{**mine, "pid": "1002", "key": OTHER_KEY}, act="order"))["code"] == -1
    assert (await api(**{**mine, "pid": "1002", "key": OTHER_KEY}, act="order", trade_no=str(order["trade_no"])))[
        "code"
    ] == -1
    assert (await api(**mine, act="query"))["active"] == 1
    assert (await api(**mine, act="refund", money="20.00"))["code"] == 1
    assert (await api(**mine, act="refund", money="7.51"))["code"] == -1
    assert (await api(**mine, act="refund", money="7.50"))["code"] == 1
    assert (await api(**mine, act="order"))["status"] == 2
    assert (await provider.query(request_.payment_no)).status is PayStatus.REFUNDED


async def test_the_notice_of_another_merchant_is_not_ours(
    browser: httpx.AsyncClient, url: str, provider: EpayProvider, request_: PayRequest, shop: Shop
) -> None:
    outbound = Outbound(allow_private=True)
    other = EpayProvider(Channel(url, "1002", OTHER_KEY), outbound)
    await press_pay(browser, await browser.get(other.pay_url(request_)))
    with pytest.raises(NotifyRefused, match="sign"):
        provider.read_notify(shop.heard[0])
    assert (await provider.query(request_.payment_no)).status is PayStatus.UNKNOWN
    await outbound.aclose()


async def test_a_gateway_that_does_not_answer_leaves_it_unknown(request_: PayRequest) -> None:
    outbound = Outbound(allow_private=True)
    gone = EpayProvider(Channel(f"http://127.0.0.1:{free_port()}", "1001", KEY), outbound)
    state = await gone.query(request_.payment_no)
    assert state.status is PayStatus.UNKNOWN
    assert KEY not in state.detail
    await outbound.aclose()


async def test_the_control_api_wants_its_token_and_large_requests_are_refused(
    browser: httpx.AsyncClient,
) -> None:
    assert (await browser.get("/control/orders")).status_code == 401
    assert (await browser.post("/submit.php", content=urlencode({"name": "x" * 100_000}))).status_code == 413


def test_known_keys_are_refused_off_loopback() -> None:
    argv = ["-m", GATEWAY, "--port", str(free_port()), "--host", "0.0.0.0"]  # noqa: S104  # must be refused
    with pytest.raises(RuntimeError, match="off loopback"), running(argv, "http://127.0.0.1:1/"):
        pytest.fail("it started")
