"""Asking the domain name system, and names in other scripts than Latin.

What nobody answered in time is *unknown* and raises `Unanswered`; that there is no such record is an answer.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.TXT import TXT

from kameng.infra.settings import Settings, address_and_port, parts

WHOLE_S, ONE_TRY_S = 3.0, 1.4  # one question with all its repetitions; one of them
NAME_SERVER_PORT = 53
CODEC = dns.name.IDNA_2008_UTS_46

Address = IPv4Address | IPv6Address


class Unanswered(Exception):
    """No name server gave an answer that can be used: whether there is such a record is unknown."""


class BadName(ValueError):
    """A text that cannot be a domain name."""


class Resolver:
    """Asks the name servers of KAMENG_DNS_SERVERS, or the system's. Holds nothing open."""

    def __init__(self, settings: Settings) -> None:
        given = [address_and_port(server, NAME_SERVER_PORT) for server in parts(settings.dns_servers)]
        self._resolver = dns.asyncresolver.Resolver(configure=not given)
        if given:
            self._resolver.nameservers = [Do53Nameserver(address, port) for address, port in given]
        self._resolver.timeout = ONE_TRY_S

    async def texts(self, name: str) -> list[str]:
        """The TXT records of a name, each put together from its parts. Raises `Unanswered`."""
        records = await self._ask(name, dns.rdatatype.TXT)
        return [b"".join(one.strings).decode("utf-8", "replace") for one in records if isinstance(one, TXT)]

    async def alias(self, name: str) -> str:
        """What the name is a CNAME of, itself and not further on; empty when it is none. Raises `Unanswered`."""
        records = await self._ask(name, dns.rdatatype.CNAME)
        return next((_plain(one.target) for one in records if isinstance(one, CNAME)), "")

    async def addresses(self, name: str) -> list[Address]:
        """Where the name leads, by its own records or those it is an alias of: IPv4 first. Raises `Unanswered`."""
        v4, v6 = await asyncio.gather(self._ask(name, dns.rdatatype.A), self._ask(name, dns.rdatatype.AAAA))
        return [ip_address(str(record)) for record in (*v4, *v6)]

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> Sequence[object]:
        try:
            answer = await self._resolver.resolve(
                f"{name}.", kind, search=False, raise_on_no_answer=False, lifetime=WHOLE_S
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(f"{name} {kind.name}: {type(error).__name__}") from error
        return list(answer.rrset or ())


def ascii_name(text: str) -> str:
    """A domain name as the wire carries it: lower case, `中文.com` as `xn--fiq228c.com`, no closing dot.

    UTS 46 over IDNA 2008, as browsers do it. Raises `BadName`.
    """
    try:
        name = dns.name.from_unicode(text.strip().rstrip(".。") + ".", idna_codec=CODEC)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise BadName(text) from error
    return _plain(name)


def readable_name(name: str) -> str:
    """The name as people write it, where that leads back to the same name; else the name itself."""
    if "xn--" not in name:
        return name
    try:
        shown = dns.name.from_text(name).to_unicode(omit_final_dot=True, idna_codec=CODEC)
        return shown if ascii_name(shown) == name else name
    except (dns.exception.DNSException, UnicodeError, BadName):
        return name


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
