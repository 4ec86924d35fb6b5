"""A name server on loopback that knows what a test tells it, and fails as it is told to."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from msgspec import Struct


class NameServer(Struct):
    """Records by name. A name without any does not exist; those in `silent` are never answered for."""

    port: int = 0
    records: dict[str, list[tuple[str, str]]] = {}
    silent: set[str] = set()
    broken: set[str] = set()
    asked: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, name: str, *records: tuple[str, str]) -> None:
        """Replaces all records of a name: `("A", "192.0.2.7")`."""
        self.records[name] = list(records)

    def forget(self) -> None:
        """As if it had just been started."""
        for known in (self.records, self.silent, self.broken, self.asked):
            known.clear()

    def answer(self, question: dns.message.Message) -> dns.message.Message | None:
        """What the server says; None is nothing."""
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        kind = question.question[0].rdtype
        self.asked.append(f"{name} {kind.name}")
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.RA
        if name in self.silent:
            return None
        if name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            self._fill(reply, name, kind)
        return reply

    def _fill(self, reply: dns.message.Message, name: str, kind: dns.rdatatype.RdataType) -> None:
        """The records of this kind, and for an alias those of what it is one of."""
        for known, value in self.records.get(name, ()):
            if known == "CNAME" and kind != dns.rdatatype.CNAME:
                reply.answer.append(dns.rrset.from_text(f"{name}.", 5, "IN", "CNAME", f"{value}."))
                self._fill(reply, value, kind)
            elif known == kind.name:
                written = f"{value}." if known == "CNAME" else f'"{value}"' if known == "TXT" else value
                reply.answer.append(dns.rrset.from_text(f"{name}.", 5, "IN", known, written))


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self.server = server
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # of the selector loop, which names no such base

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self.server.answer(dns.message.from_wire(data))
        if reply is not None and self.transport is not None:
            self.transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def running_name_server() -> AsyncIterator[NameServer]:
    """On a free UDP port, in this process."""
    server = NameServer(records={}, silent=set(), broken=set(), asked=[])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(server), local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()


@contextmanager
def name_server_aside() -> Iterator[NameServer]:
    """The same in a thread of its own, for tests that have no event loop. What is set counts from the next question."""
    ready, stop = threading.Event(), asyncio.Event()
    running: list[tuple[NameServer, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with running_name_server() as server:
            running.append((server, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="name server")
    thread.start()
    assert ready.wait(10), "the name server did not start"
    server, loop = running[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
