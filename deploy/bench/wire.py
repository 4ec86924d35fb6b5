"""A plain HTTP/1.1 client for load: one kept connection, one request at a time. It shares two cores with what it
measures, so it does no more than is needed; correctness is checked on what it returns."""

import asyncio
from typing import Self

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
TIMEOUT_S = 30.0


class Connection:
    """A connection to one server. `head` is what all its requests share, such as host and cookies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head

    @classmethod
    async def open(cls, host: str, port: int, head: dict[str, str]) -> Self:
        reader, writer = await asyncio.open_connection(host, port)
        return cls(reader, writer, "".join(f"{name}: {value}\r\n" for name, value in head.items()))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; raises as `post` does."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self.head}\r\n".encode())

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body. Raises `TimeoutError`, `ConnectionError`, `asyncio.IncompleteReadError`."""
        return await self._ask(
            f"POST {path} HTTP/1.1\r\n{self.head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        )

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        async with asyncio.timeout(TIMEOUT_S):
            head = await self.reader.readuntil(HEAD_END)
            status = int(head[9:12])
            return status, await self.reader.readexactly(_length(head))

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        if line.lower().startswith(LENGTH):
            return int(line[len(LENGTH) :])
    return 0
