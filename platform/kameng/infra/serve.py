"""Runs one small ASGI application in this process until a signal: how the sandbox servers are served."""

import asyncio
import os
import signal
import sys

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar

LOOK_AGAIN_S = 0.02


def serve_until_signal(app: Litestar, *, host: str, port: int, name: str) -> None:
    """Serves `app`, prints one line to stdout once it accepts connections, and ends the process on SIGTERM.

    The process ends without waiting for open connections: a sandbox keeps some hanging on purpose.
    Exits with 1 when the port cannot be had.
    """
    code = asyncio.run(_serve(app, host, port, name))
    sys.stdout.flush()
    os._exit(code)  # the server's own threads would wait for the connections that hang


async def _serve(app: Litestar, host: str, port: int, name: str) -> int:
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
    error = serving.exception()
    if error is not None:
        print(f"{name} cannot serve on {host}:{port}: {error}", file=sys.stderr, flush=True)
    return 0 if error is None else 1


async def _accepts(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(LOOK_AGAIN_S)
        else:
            writer.close()
            return
