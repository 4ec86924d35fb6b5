"""What the provider makes of answers to act=order, right, odd and hostile."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from billing.payments.adapters.epay.client import Channel, EpayProvider, plain_name
from billing.payments.adapters.port import GatewayState, PayRequest, PayStatus
from kameng.infra.http import Outbound

PAID = {"code": 1, "status": 1, "money": "1.00", "trade_no": "T1", "out_trade_no": "A1", "pid": 1001}


@pytest.fixture
async def answers() -> AsyncIterator[list[bytes]]:
    """What the gateway says, to be put first; the last element is the port it says it on."""
    said: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(said[0]) + said[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    said.append(str(server.sockets[0].getsockname()[1]).encode())
    yield said
    server.close()


async def state(answers: list[bytes], answer: bytes) -> GatewayState:
    outbound = Outbound(allow_private=True)
    answers.insert(0, answer)
    provider = EpayProvider(Channel(f"http://127.0.0.1:{answers[-1].decode()}/pay/", "1001", "KEY"), outbound)
    try:
        return await provider.query("A1")
    finally:
        await outbound.aclose()


@pytest.mark.parametrize(
    "change",
    [{}, {"status": "1"}, {"code": "1"}, {"money": 1}, {"money": "1"}, {"money": 1.00}, {"pid": None}],
)
async def test_paid_in_the_spellings_of_gateways(answers: list[bytes], change: dict[str, object]) -> None:
    told = await state(answers, msgspec.json.encode({**PAID, **change}))
    assert told == GatewayState(PayStatus.PAID, 100, "T1")


async def test_unpaid(answers: list[bytes]) -> None:
    told = await state(answers, msgspec.json.encode({**PAID, "status": 0}))
    assert told.status is PayStatus.UNPAID


@pytest.mark.parametrize(
    "change",
    [
        {"code": -1, "msg": "订单号不存在"},
        {"out_trade_no": "A2"},
        {"out_trade_no": None},
        {"pid": 1002},
        {"money": None},
        {"money": "1.001"},
        {"money": "NaN"},
        {"money": "1e999999"},
        {"status": 3},
        {"status": None},
    ],
)
async def test_anything_odd_is_unknown(answers: list[bytes], change: dict[str, object]) -> None:
    told = await state(answers, msgspec.json.encode({**PAID, **change}))
    assert told.status is PayStatus.UNKNOWN


async def test_a_payment_that_was_given_back_whole_is_told_apart(answers: list[bytes]) -> None:
    assert (await state(answers, msgspec.json.encode({**PAID, "status": 2}))).status is PayStatus.REFUNDED


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"null", b'{"code":1', b"\xff\xfe"])
async def test_what_is_not_json_is_unknown(answers: list[bytes], answer: bytes) -> None:
    assert (await state(answers, answer)).status is PayStatus.UNKNOWN


def test_a_name_is_one_plain_line_that_fits() -> None:
    assert plain_name(" a&b=c\r\n\t<x> ") == "a＆b＝c <x>"
    assert plain_name("会" * 100) == "会" * 42
    assert plain_name("\x00\u202e") == ""


@pytest.mark.parametrize(
    "change",
    [{"payment_no": "A 1"}, {"payment_no": ""}, {"name": " \n"}, {"amount_cents": 0}, {"amount_cents": -1}],
)
async def test_a_payment_the_protocol_cannot_express_is_an_error(change: dict[str, object]) -> None:
    outbound = Outbound()
    provider = EpayProvider(Channel("https://pay.example", "1001", "KEY"), outbound)
    right = PayRequest("A1", "x", 100, "https://s.example/n", "https://s.example/r")
    with pytest.raises(ValueError, match=r"."):
        provider.pay_url(msgspec.structs.replace(right, **change))
    await outbound.aclose()
