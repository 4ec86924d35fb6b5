"""Runs one small ASGI application in this process until a signal: how the sandbox servers are served."""

import asyncio
import os
import signal
import socket
import sys
import traceback

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import Scope

LOOK_AGAIN_S = 0.02


class Expected(Exception):
    """An error that the application answers on purpose; not worth a traceback."""


async def tell_surprise(error: Exception, scope: Scope) -> None:
    """An `after_exception` hook: writes what nobody expected to stderr, with its traceback."""
    if not isinstance(error, (Expected, HTTPException)):
        print(f"{scope['path']} failed", *traceback.format_exception(error), file=sys.stderr, flush=True)


def serve_until_signal(app: Litestar, *, host: str, port: int, name: str) -> None:
    """Serves `app`, prints one line to stdout once it accepts connections, and ends the process on SIGTERM.

    The process ends without waiting for open connections: a sandbox keeps some hanging on purpose.
    Exits with 1 when the port cannot be had.
    """
    code = asyncio.run(_serve(app, host, port, name))
    sys.stdout.flush()
    os._exit(code)  # the server's own threads would wait for the connections that hang


async def _serve(app: Litestar, host: str, port: int, name: str) -> int:
    try:
        _check_free(host, port)
    except OSError as error:
        print(f"{name} cannot serve on {host}:{port}: {error}", file=sys.stderr, flush=True)
        return 1
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.create_task(server.serve())
    accepting = asyncio.create_task(_accepts(host, port))
    await asyncio.wait({serving, accepting}, return_when=asyncio.FIRST_COMPLETED)
    accepting.cancel()
    if not serving.done():
        print(f"{name} is listening on http://{host}:{port}", flush=True)
        await asyncio.wait({serving})
    await serving
    return 0


def _check_free(host: str, port: int) -> None:
    """Granian listens with SO_REUSEPORT and would silently share a port that is taken. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


async def _accepts(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(LOOK_AGAIN_S)
        else:
            writer.close()
            return
