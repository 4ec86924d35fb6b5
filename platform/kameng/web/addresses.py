"""Who is calling: the client's address and the request's ids, taken from others only where they are
trusted.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# version, trace id, parent id, flags (W3C Trace Context, section 3.2)
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
LONGEST_HOST = 253


class Proxies:
    """The proxies before us, by address or network."""

    def __init__(self, trusted: str) -> None:
        names = [name.strip() for name in trusted.split(",")]
        self._networks = [ip_network(name, strict=False) for name in names if name]
        self._trusts = lru_cache(maxsize=4096)(self._look_up)

    def trust(self, address: str) -> bool:
        return bool(self._networks) and self._trusts(address)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The last address in the chain of `X-Forwarded-For` that no proxy of ours wrote for another of
        ours.
        """
        client = peer
        for address in reversed([part.strip() for line in forwarded_for for part in line.split(",")]):
            if not self.trust(client) or not _is_address(address):
                break
            client = address
        return client

    def _look_up(self, address: str) -> bool:
        return _is_address(address) and any(_holds(network, address) for network in self._networks)


def host_of(header: str) -> str | None:
    """The host's name in a `Host` header: lower case, without port and closing dot. None when it cannot be
    one.
    """
    name, separator, port = header.strip().lower().partition(":")
    name = name.removesuffix(".")
    if (separator and not port.isdigit()) or len(name) > LONGEST_HOST or not HOST.fullmatch(name):
        return None
    return name


def trace_of(traceparent: str) -> str | None:
    """The trace id of a `traceparent` header, if it is a valid one."""
    found = TRACEPARENT.fullmatch(traceparent)
    return found.group(1) if found else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _holds(network: IPv4Network | IPv6Network, address: str) -> bool:
    return ip_address(address) in network
