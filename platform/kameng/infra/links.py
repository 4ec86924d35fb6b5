"""Absolute links: the only place where they are made. A station's carry the station's own host and no other's.

In a request that is the host the person is at, so cookies go on to hold; in a follower, the primary one.
"""

from typing import Protocol

from kameng.infra.settings import Settings


class AtHost(Protocol):
    """Whoever has a host of his own: a `Tenant`, or the master's till."""

    @property
    def host(self) -> str: ...


def of_station(settings: Settings, place: AtHost, path: str) -> str:
    """A page of a station; `path` begins with `/`."""
    return settings.base_url(place.host) + path


def of_master(settings: Settings, path: str) -> str:
    """A page of the master's console; `path` begins with `/`."""
    return settings.base_url(settings.master_host) + path


def of_host(settings: Settings, host: str) -> str:
    """The front page of one of several hosts, for a list of them."""
    return f"{settings.base_url(host)}/"
