"""Free ports of the loopback interface."""

import socket
from collections.abc import Callable
from typing import TypeVar

from deploy.embedded.errors import EmbeddedError

ATTEMPTS = 5

Server = TypeVar("Server")


class PortTaken(Exception):
    """Somebody else took the port between our look and the server's start."""


def on_a_free_port(start: Callable[[int], Server]) -> Server:
    """Call `start` with a free port, again with another when that one was snatched away."""
    for _ in range(ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            return start(port)
        except PortTaken:
            continue
    raise EmbeddedError(f"No free port was found on 127.0.0.1 in {ATTEMPTS} attempts.")
