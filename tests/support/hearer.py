"""Somebody who is posted to: a real HTTP server on loopback that keeps what it hears and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

TAKEN = (200, '{"ok":true,"result":{}}')
HANG_UP = (0, "")  # takes the request and closes without an answer


class Heard(Struct, frozen=True):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Hearer:
    """`answers` are given in turn, then `TAKEN`."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    def forget(self) -> None:
        """As if it had just begun to listen."""
        self.heard.clear()
        self.answers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.heard.append(Heard(first.split(" ")[1], headers, body))
        status, said = self.answers.pop(0) if self.answers else TAKEN
        if status:
            content = said.encode()
            writer.write(
                f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
                f"content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode()
                + content
            )
            await writer.drain()
        writer.close()


@asynccontextmanager
async def open_hearer() -> AsyncIterator[Hearer]:
    """Listens until it is closed."""
    hearer = Hearer()
    server = await asyncio.start_server(hearer.serve, "127.0.0.1", 0)
    hearer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield hearer
    server.close()
    await server.wait_closed()
