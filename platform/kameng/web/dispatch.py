"""The front door: which of the two applications answers, for whom, and what is written down about it.

The host decides: the master's host leads to the master's application, a host of a station to the stations',
with the tenant in `scope["state"]`; any other host gets a bare 404. `/healthz` and `/readyz` answer on every
host.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter, Histogram
from structlog.contextvars import bind_contextvars, clear_contextvars

from kameng.core import ids
from kameng.infra import telemetry
from kameng.infra.runtime import Runtime
from kameng.web.addresses import REQUEST_ID, Proxies, host_of, trace_of

log = structlog.get_logger()

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Ready = Callable[[], Awaitable[dict[str, str]]]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OK = "ok"
HTML = b"text/html; charset=utf-8"
NOT_FOUND = b"<!doctype html><meta charset=utf-8><title>404</title><h1>404</h1><p>There is nothing here.\n"
FAILED = b"<!doctype html><meta charset=utf-8><title>503</title><h1>503</h1><p>Try again in a moment.\n"


class HostDispatch:
    """The ASGI application that a server runs. `ready` names its checks; each says `ok` or what is wrong."""

    def __init__(self, runtime: Runtime, master: App, station: App, ready: Ready) -> None:
        self.directory = runtime.directory
        self.master_host = runtime.settings.master_host
        self.proxies = Proxies(runtime.settings.trusted_proxies)
        self.master = master
        self.station = station
        self.ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await Lifespans([self.master, self.station]).run(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        state = self._describe(scope)
        seen = Seen(send, state["request_id"])
        face = "none"
        clear_contextvars()
        bind_contextvars(request_id=state["request_id"], trace_id=state["trace_id"])
        try:
            face, app = await self._choose(scope, state)
            await app(scope, receive, seen.send)
        except Exception:
            log.exception("request_failed")
            if seen.status is None:
                await _send(seen.send, 503, HTML, FAILED)
        finally:
            self._note(scope, face, seen.status or 499, time.perf_counter() - began)

    def _describe(self, scope: Scope) -> dict[str, Any]:
        """Fills `scope["state"]` with what applications are to know of the request."""
        given: dict[bytes, str] = {}
        forwarded: list[str] = []
        for name, value in scope["headers"]:
            given[name] = value.decode("latin-1")
            if name == b"x-forwarded-for":
                forwarded.append(given[name])
        peer = (scope.get("client") or ("",))[0]
        sent_id = given.get(b"x-request-id", "")
        is_from_proxy = self.proxies.trust(peer)
        request_id = sent_id if is_from_proxy and REQUEST_ID.fullmatch(sent_id) else str(ids.uuid7())
        state: dict[str, Any] = {
            "host": host_of(given.get(b"host", "")),
            "request_id": request_id,
            "trace_id": trace_of(given.get(b"traceparent", "")) or request_id.replace("-", ""),
            "address": self.proxies.client(peer, forwarded) if forwarded else peer,
        }
        scope["state"] = {**(scope.get("state") or {}), **state}
        return state

    async def _choose(self, scope: Scope, state: dict[str, Any]) -> tuple[str, App]:
        if scope["path"] == "/healthz":
            return "none", _healthy
        if scope["path"] == "/readyz":
            return "none", self._readiness
        if state["host"] == self.master_host:
            return "master", self.master
        tenant = await self.directory.at_host(state["host"]) if state["host"] else None
        if tenant is None:
            return "none", _nobody
        scope["state"]["tenant"] = tenant
        bind_contextvars(tenant=tenant.id)
        return "station", self.station

    async def _readiness(self, _: Scope, __: Receive, send: Send) -> None:
        checks = await self.ready()
        lines = [msgspec.json.encode({"check": name, "state": said}) + b"\n" for name, said in checks.items()]
        status = 200 if all(said == OK for said in checks.values()) else 503
        await _send(send, status, b"application/x-ndjson", b"".join(lines))

    def _note(self, scope: Scope, face: str, status: int, took_s: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        counter, histogram = _meters(face, method, status)
        counter.inc()
        histogram.observe(took_s)
        context = scope["state"].get("context")
        is_quiet = face == "none" or (context is not None and context.is_quiet)
        write = log.debug if is_quiet and status < 500 else log.info
        write("request", face=face, method=method, path=scope["path"], status=status, ms=round(took_s * 1000, 1))


@lru_cache(maxsize=1024)
def _meters(face: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """The labelled counters of a kind of answer; finding them costs more than counting."""
    return telemetry.REQUESTS.labels(face, method, status), telemetry.REQUEST_SECONDS.labels(face)


class Seen:
    """Passes an answer on, with the request's id, and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._header = (b"x-request-id", request_id.encode("latin-1"))
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._header]
        await self._send(message)


class Lifespans:
    """Tells several applications of the start and the end of the process, and the server when all have
    answered.
    """

    def __init__(self, apps: list[App]) -> None:
        self.apps = apps

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        talks = [Talk(app, scope) for app in self.apps]
        try:
            failed = [answer for talk in talks if (answer := await talk.say("startup"))]
            await send(failed[0] if failed else {"type": "lifespan.startup.complete"})
            if failed:
                return
            await receive()
            failed = [answer for talk in reversed(talks) if (answer := await talk.say("shutdown"))]
            await send(failed[0] if failed else {"type": "lifespan.shutdown.complete"})
        finally:
            for talk in talks:
                await talk.end()


class Talk:
    """One application's half of the lifespan protocol."""

    def __init__(self, app: App, scope: Scope) -> None:
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task = asyncio.ensure_future(app(dict(scope), self._said.get, self._answers.put))

    async def say(self, event: str) -> Message | None:
        """None when the application agreed, else its message of failure."""
        await self._said.put({"type": f"lifespan.{event}"})
        answer = asyncio.ensure_future(self._answers.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            why = self._task.exception() if self._task.done() and not self._task.cancelled() else None
            return {"type": f"lifespan.{event}.failed", "message": repr(why)}
        return answer.result() if answer.result()["type"].endswith(".failed") else None

    async def end(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):  # it has been asked to stop; its failure was told above
            await self._task


async def _healthy(_: Scope, __: Receive, send: Send) -> None:
    await _send(send, 200, b"text/plain", b"ok\n")


async def _nobody(_: Scope, __: Receive, send: Send) -> None:
    await _send(send, 404, HTML, NOT_FOUND)


async def _send(send: Send, status: int, media_type: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
