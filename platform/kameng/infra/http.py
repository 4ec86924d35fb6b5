"""The one door to other people's HTTP servers.

What an error means for money is said by its class: after `NotSent` nothing reached the other side and the
call may be made again; after `NoAnswer` it may or may not have been carried out; `BadAnswer` is an answer
that cannot be used, which says as little about what was done. Times are seconds, sizes are bytes.
"""

import asyncio
import logging
import socket
import ssl
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeVar, cast

import httpcore
import httpx
import msgspec

ONE_MEBIBYTE = 1 << 20
KEEP_ALIVE_S = 30.0
MOST_ORIGINS = 200  # whose connections are kept
LONGEST_DETAIL = 200
HEADERS = {"accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "kameng"}

# Both write whole addresses, and with them the keys that some protocols carry in the query.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

_NAT64 = IPv6Network("64:ff9b::/96")
# IANA gives out addresses of the Internet from here only (RFC 4291, 2.4); beyond it are networks' own, old and new.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Not everywhere known to `ipaddress`: documentation (RFC 9637), and relays into networks of IPv6 (RFC 7526).
_NOT_HOSTS = (IPv6Network("3fff::/20"), IPv4Network("192.88.99.0/24"))
_SENDING = "http11.send_request_headers.started"
_WIRE_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    httpx.RequestError,
    TimeoutError,
)

T = TypeVar("T")


class OutboundError(Exception):
    """A call that gave no usable answer. The text holds the host, never the path, query or body."""


class NotSent(OutboundError):
    """Nothing of the request left: refused, no such host, no connection in time, a malformed address."""


class AddressForbidden(NotSent):
    """The host resolves only to private, loopback or otherwise unroutable addresses."""


class NoAnswer(OutboundError):
    """The request was at least partly sent and no whole answer came: what the other side did is unknown."""


class BadAnswer(OutboundError):
    """An answer came and is of no use: too large, compressed against our wish, or of another type."""


class Reply(msgspec.Struct, frozen=True):
    """An answer of any status. Redirects are answers too: none is followed. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are not become U+FFFD."""
        return self.body.decode("utf-8", errors="replace")

    def json(self, expected: type[T]) -> T:
        """The body as `expected`. Raises `BadAnswer` when it is not JSON or has another shape."""
        try:
            return msgspec.json.decode(self.body, type=expected)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(f"not the expected JSON: {error}"[:LONGEST_DETAIL]) from error


class _Progress:
    """Notes whether a byte of the request may have left; httpcore calls it at each step."""

    def __init__(self) -> None:
        self.sending = False

    async def __call__(self, step: str, _info: Mapping[str, object]) -> None:
        self.sending = self.sending or step == _SENDING


class Outbound:
    """Connections, kept alive between calls, for one event loop. Close it with `aclose`.

    Each origin (scheme, host and port) has a pool of its own with at most `max_connections`, so that one that is slow
    never keeps others waiting. A call that finds all of them busy waits for one within its own time, and is `NotSent`
    when there is none.

    `allow_private` lets it reach loopback and private networks (sandboxes, a supplier in the same rack);
    without it every address is checked after the name is resolved, and the checked one is connected to.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_s: float = 10.0,
        connect_timeout_s: float = 3.0,
        max_body_bytes: int = ONE_MEBIBYTE,
        max_connections: int = 48,
    ) -> None:
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._max_body_bytes = max_body_bytes
        self._wire = _Wire(allow_private=allow_private, max_connections=max_connections)

    async def request(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        max_body_bytes: int | None = None,
    ) -> Reply:
        """One call and its whole answer. `data` is sent url-encoded, `json` as JSON, `content` as it stands.

        `timeout_s` bounds everything, from the name to the last byte.
        Raises `NotSent`, `NoAnswer`, `BadAnswer`.
        """
        progress = _Progress()
        whole_s = self._timeout_s if timeout_s is None else timeout_s
        cap = self._max_body_bytes if max_body_bytes is None else max_body_bytes
        request = self._build(method, url, data, json, content, headers, whole_s, progress)
        try:
            async with asyncio.timeout(whole_s):
                async with self._wire.answer(request) as answer:
                    reply = await _read(answer, request.url.host, cap)
        except _WIRE_ERRORS as error:
            kind = NoAnswer if progress.sending else NotSent
            raise kind(f"{method} {request.url.host}: {type(error).__name__}") from error
        return reply

    async def aclose(self) -> None:
        await self._wire.aclose()

    def _build(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None,
        json: object,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        whole_s: float,
        progress: _Progress,
    ) -> httpx.Request:
        all_headers = HEADERS | {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            content = msgspec.json.encode(json)
            all_headers.setdefault("content-type", "application/json")
        try:
            request = httpx.Request(
                method,
                url,
                content=content,
                data=data,
                headers=all_headers,
                extensions={"timeout": {"connect": min(whole_s, self._connect_timeout_s)}, "trace": progress},
            )
        except httpx.InvalidURL as error:
            raise NotSent("the address is malformed") from error
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise NotSent("the address is not an absolute http or https address")
        return request


async def _read(answer: httpcore.Response, host: str, cap: int) -> Reply:
    """The answer as it was sent. Compressed ones are refused: a small one can unpack to more than the memory holds."""
    headers = httpx.Headers(answer.headers)
    encoding = headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise BadAnswer(f"{host}: compressed as {encoding[:20]!r}")
    body = bytearray()
    async for part in answer.aiter_stream():
        body += part
        if len(body) > cap:
            raise BadAnswer(f"{host}: more than {cap} bytes")
    return Reply(answer.status, dict(headers), bytes(body))


@cache
def _authorities() -> ssl.SSLContext:
    """Whom we trust. Reading their certificates takes some 40 ms, so all doors of a process share them."""
    return httpx.create_ssl_context()


class _Wire:
    """A pool for each origin, whose connections are made by `_Network`. What a client does beside, redirects, cookies
    and a proxy from the environment that resolves names behind the guard's back, nobody here wants."""

    def __init__(self, *, allow_private: bool, max_connections: int) -> None:
        self._max_connections = max_connections
        self._ssl_context = _authorities()
        self._network = _Network(allow_private)
        self._pools: OrderedDict[tuple[bytes, bytes, int], _Pool] = OrderedDict()

    @asynccontextmanager
    async def answer(self, request: httpx.Request) -> AsyncIterator[httpcore.Response]:
        """The head of the answer; its body is still to be read."""
        asked = request.url
        url = httpcore.URL(scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path)
        pool = await self._pool(url.origin)
        sent = httpcore.Request(
            method=request.method,
            url=url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        async with pool.connection() as connection:
            answer = await connection.handle_async_request(sent)
            try:
                yield answer
            finally:
                await answer.aclose()

    async def _pool(self, origin: httpcore.Origin) -> "_Pool":
        """The origin's; the one that was used longest ago goes when there are too many, unless it is in use."""
        key = (origin.scheme, origin.host, origin.port)
        if key not in self._pools:
            unused = next((name for name, pool in self._pools.items() if not pool.in_use), None)
            if len(self._pools) >= MOST_ORIGINS and unused is not None:
                await self._pools.pop(unused).aclose()
            connect = partial(
                httpcore.AsyncHTTPConnection,
                origin,
                ssl_context=self._ssl_context,
                keepalive_expiry=KEEP_ALIVE_S,
                network_backend=self._network,
            )
            self._pools.setdefault(key, _Pool(connect, self._max_connections))
        self._pools.move_to_end(key)
        return self._pools[key]

    async def aclose(self) -> None:
        for pool in list(self._pools.values()):
            await pool.aclose()


class _Pool:
    """The connections to one origin. The one that was used last is used next, so those that are too many grow old at
    the other end. A step costs the same however many there are: httpcore's own pool looks at all of them each time."""

    def __init__(self, connect: Callable[[], httpcore.AsyncHTTPConnection], most: int) -> None:
        self.in_use = 0
        self._is_closed = False
        self._connect = connect
        self._room = asyncio.Semaphore(most)
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """One that nobody else has. Waits while all are busy."""
        self.in_use += 1
        try:
            async with self._room:
                connection = await self._newest() or self._connect()
                try:
                    yield connection
                finally:
                    await self._give_back(connection)
        finally:
            self.in_use -= 1

    async def _newest(self) -> httpcore.AsyncHTTPConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _give_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        if connection.is_idle() and not self._is_closed:
            self._idle.append(connection)
        elif not connection.is_closed():
            await connection.aclose()
        while self._idle and self._idle[0].has_expired():
            await self._idle.popleft().aclose()

    async def aclose(self) -> None:
        """What is in use is closed when it is given back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().aclose()


class _Network(httpcore.AsyncNetworkBackend):
    """Resolves a name, drops forbidden addresses, connects to what is left in the resolver's order."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        # a cast, since the class stands behind a try and checkers see its empty twin
        self._sockets = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                found = await _addresses(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"resolving {host}") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"no address of {host}") from error
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if not allowed:
            raise AddressForbidden(f"{host} has no public address")
        refusal: httpcore.ConnectError | None = None
        for address in allowed:
            try:
                return await self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                refusal = error
        raise httpcore.ConnectError(f"{host} refuses on every address") from refusal

    async def sleep(self, seconds: float) -> None:
        await self._sockets.sleep(seconds)


async def _addresses(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """Every address of a host, once. Names under `localhost` are loopback without asking (RFC 6761, 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return [IPv4Address("127.0.0.1")]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(where[0]) for *_, where in found))


async def leads_inside(host: str) -> bool:
    """Whether a host resolves, and only to addresses that are not of the open Internet. For forms, which can say so at
    once; the call itself looks again."""
    try:
        found = await _addresses(host, 0)
    except (OSError, UnicodeError):
        return False
    return not any(is_public(address) for address in found)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the open Internet, also when an IPv4 one is wrapped in IPv6."""
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_HOSTS)
