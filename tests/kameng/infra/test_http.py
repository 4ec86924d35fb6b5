"""The outbound door against real sockets: every test's other side is a few scripted bytes on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import msgspec
import pytest

from kameng.infra.http import AddressForbidden, BadAnswer, NoAnswer, NotSent, Outbound, is_public
from tests.support.processes import free_port

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A scripted server: `url`, how many connections were opened, and the head of each request."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.connections = 0
        self.heads: list[bytes] = []


@asynccontextmanager
async def peer(script: Script) -> AsyncIterator[Peer]:
    port = free_port()
    seen = Peer(port)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while head := await _head(reader):
                seen.heads.append(head)
                await script(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    try:
        yield seen
    finally:
        server.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def says(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return script


@asynccontextmanager
async def door(**options: float) -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private=True, **options)  # type: ignore[arg-type]  # only numbers are passed here
    try:
        yield outbound
    finally:
        await outbound.aclose()


async def test_calls_share_one_connection() -> None:
    async with peer(says(OK)) as other, door() as outbound:
        for _ in range(3):
            reply = await outbound.request("GET", other.url)
            assert (reply.status, reply.text) == (200, "ok")
        assert other.connections == 1


async def test_a_refused_connection_sent_nothing() -> None:
    async with door() as outbound:
        with pytest.raises(NotSent):
            await outbound.request("GET", f"http://127.0.0.1:{free_port()}/")


async def test_a_name_that_does_not_exist_sent_nothing() -> None:
    async with door(timeout_s=30) as outbound:
        with pytest.raises(NotSent):
            await outbound.request("GET", "http://nowhere.invalid/")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "/relative", "http://", "http://[::1", "file:///etc/hosts"])
async def test_an_address_that_is_not_http_sent_nothing(url: str) -> None:
    async with door() as outbound:
        with pytest.raises(NotSent):
            await outbound.request("GET", url)


async def test_silence_after_sending_is_no_answer() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(silent) as other, door() as outbound:
        with pytest.raises(NoAnswer):
            await outbound.request("GET", other.url, timeout_s=1.0)


async def test_a_body_that_drips_for_ever_is_cut_by_the_whole_timeout() -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with peer(dripping) as other, door() as outbound:
        with pytest.raises(NoAnswer):
            await outbound.request("GET", other.url, timeout_s=1.0)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", b"not http at all\r\n\r\n"]
)
async def test_a_connection_broken_mid_way_is_no_answer(said: bytes) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        raise ConnectionResetError

    async with peer(broken) as other, door() as outbound:
        with pytest.raises(NoAnswer):
            await outbound.request("POST", other.url, data={"a": "b"})


async def test_an_endless_body_is_cut_off() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            await writer.drain()

    async with peer(endless) as other, door(max_body_bytes=10_000) as outbound:
        with pytest.raises(BadAnswer, match="more than 10000 bytes"):
            await outbound.request("GET", other.url)


async def test_a_compressed_body_is_refused() -> None:
    zipped = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nzz"
    async with peer(says(zipped)) as other, door() as outbound:
        with pytest.raises(BadAnswer, match="compressed"):
            await outbound.request("GET", other.url)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    async with peer(says(moved)) as other, door() as outbound:
        reply = await outbound.request("GET", other.url)
        assert (reply.status, reply.headers["location"]) == (302, "http://127.0.0.1:1/")
        assert len(other.heads) == 1


async def test_cookies_are_not_kept() -> None:
    bites = b"HTTP/1.1 200 OK\r\nset-cookie: who=tenant-a; Path=/\r\ncontent-length: 2\r\n\r\nok"
    async with peer(says(bites)) as other, door() as outbound:
        await outbound.request("GET", other.url)
        await outbound.request("GET", other.url)
        assert b"cookie" not in other.heads[1].lower()


async def test_loopback_is_forbidden_unless_allowed() -> None:
    outbound = Outbound()
    async with peer(says(OK)) as other:
        for host in ("127.0.0.1", "localhost", "shop.localhost"):
            with pytest.raises(AddressForbidden):
                await outbound.request("GET", f"http://{host}:{other.port}/")
        assert other.connections == 0
    await outbound.aclose()


async def test_a_name_under_localhost_is_loopback_and_keeps_its_host_header() -> None:
    async with peer(says(OK)) as other, door() as outbound:
        await outbound.request("GET", f"http://shop.localhost:{other.port}/pay")
        assert f"host: shop.localhost:{other.port}".encode() in other.heads[0].lower()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104  # an address looked at, not bound to
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::7f00:1", False),
        ("::127.0.0.1", False),
        ("::a00:1", False),
        ("fec0::1", False),
        ("4000::1", False),
        ("5f00::1", False),
        ("3fff::1", False),
        ("2001:0:7f00:1::", False),
        ("192.88.99.1", False),
    ],
)
def test_what_counts_as_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


async def test_json_of_another_shape_is_a_bad_answer() -> None:
    class Expected(msgspec.Struct):
        balance_cents: int

    html = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>"
    async with peer(says(html)) as other, door() as outbound:
        reply = await outbound.request("GET", other.url)
        with pytest.raises(BadAnswer):
            reply.json(Expected)


async def test_errors_do_not_carry_the_query() -> None:
    async with door() as outbound:
        with pytest.raises(NotSent) as caught:
            await outbound.request("GET", f"http://127.0.0.1:{free_port()}/api?key=SECRET")
    assert "SECRET" not in str(caught.value)


async def test_an_origin_that_is_slow_keeps_no_other_waiting() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(never) as slow, peer(says(OK)) as quick, door(max_connections=2) as outbound:
        stuck = [asyncio.create_task(outbound.request("GET", slow.url, timeout_s=60)) for _ in range(2)]
        async with asyncio.timeout(30):
            while len(slow.heads) < 2:  # noqa: ASYNC110 - what comes over the wire sets no event
                await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(outbound.request("GET", slow.url, timeout_s=0.5)) for _ in range(4)]

        assert (await outbound.request("GET", quick.url, timeout_s=30)).text == "ok"

        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [NotSent] * 4
        assert slow.connections == 2
        for one in stuck:
            one.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
