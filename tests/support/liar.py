"""An HTTP server that says whatever a test tells it to: the other side when it is hostile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

Answer = Callable[["Asked"], tuple[int, bytes]]


class Asked(Struct, frozen=True):
    """One request. `target` is path and query as sent."""

    method: str
    target: str
    body: bytes
    headers: dict[str, str] = {}  # names in lower case


class Liar(Struct):
    """A running server: `says` makes the status and the body of each answer, which comes after `waits_s` seconds."""

    url: str
    says: Answer
    asked: list[Asked] = []
    waits_s: float = 0.0


@asynccontextmanager
async def running_liar(says: Answer) -> AsyncIterator[Liar]:
    """On a free loopback port, in this process, one request for each connection."""
    liar = Liar("", says)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        method, target, _ = head.split("\r\n")[0].split(" ")
        pairs = (line.partition(":") for line in head.split("\r\n")[1:] if line)
        asked = Asked(method, target, body, {name.lower(): value.strip() for name, _, value in pairs})
        liar.asked.append(asked)
        await asyncio.sleep(liar.waits_s)
        status, said = liar.says(asked)
        writer.write(b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (status, len(said)) + said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    liar.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield liar
    finally:
        server.close()
        await server.wait_closed()
