"""The web process: `python -m deploy.web`. Granian serves `deploy.asgi:create` in `web_workers` processes."""

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from kameng.infra import settings as settings_door
from kameng.infra.settings import Settings, SettingsError

BACKLOG = 1024
COUNTERS = "PROMETHEUS_MULTIPROC_DIR"


def main() -> None:
    settings = settings_door.read()
    check_port(settings.bind, settings.port)
    if settings.web_workers == 1:
        serve(settings)  # the one worker counts in memory, and answers for its metrics itself
        return
    if COUNTERS not in os.environ:
        # The metrics library looks at this when it is imported, so the process starts once more with it.
        os.environ[COUNTERS] = _fresh_folder(settings.port)
        os.execv(sys.executable, [sys.executable, "-m", "deploy.web"])  # noqa: S606 - ourselves
    try:
        _serve_metrics(settings, os.environ[COUNTERS])
        serve(settings)
    finally:
        shutil.rmtree(os.environ[COUNTERS], ignore_errors=True)


def _fresh_folder(port: int) -> str:
    """A private folder named by the port, so that the next start clears what a crash has left."""
    folder = Path(tempfile.gettempdir()) / f"kameng-metrics-{os.getuid()}-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return str(folder)


def serve(settings: Settings) -> None:
    """Serves until a signal."""
    Granian(
        "deploy.asgi:create",
        factory=True,
        address=settings.bind,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.web_workers,
        respawn_failed_workers=True,
        backlog=BACKLOG,
        log_access=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=10,
    ).serve()


def check_port(host: str, port: int) -> None:
    """Granian would share a port that another server of ours holds, so look first. Raises `SettingsError`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(f"KAMENG_PORT {port} cannot be had: {error.strerror}.") from None


def _serve_metrics(settings: Settings, counters: str) -> None:
    """Adds up what several workers count in files, and answers `/metrics` on the private port."""
    if settings.metrics_port:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=counters)  # type: ignore[no-untyped-call]  # registers itself
        start_http_server(settings.metrics_port, addr="127.0.0.1", registry=registry)


if __name__ == "__main__":
    main()
