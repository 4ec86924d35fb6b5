"""Starts the product's own programs as processes of their own, and stops exactly those."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.loopback import http

ROOT = Path(__file__).parents[2]
SOURCES = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "platform")))}  # as pytest itself is told
STARTS_WITHIN_S = 20.0
STOPS_WITHIN_S = 5.0


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    argv: Sequence[str], ready_url: str, *, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`python <argv>` from the checkout's root, from the first good answer at `ready_url` to the block's end.

    `env` is added to this process's environment. Raises `RuntimeError` with what the process wrote when it
    ends early or is not ready in time.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *argv],
            cwd=ROOT,
            env={
                **os.environ,
                **SOURCES,
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _ready(process, ready_url):
                said.seek(0)
                words = said.read().decode(errors="replace")
                raise RuntimeError(f"{' '.join(argv)} was not ready (exit code {process.poll()}):\n{words}")
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL when that is not heard. Harmless on a process that has ended."""
    process.terminate()
    try:
        process.wait(STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if http.get(url, timeout=1).status_code < 500:
                return True
        except httpx.TransportError:
            time.sleep(0.03)
    return False
