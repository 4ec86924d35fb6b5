"""Looking at a domain from outside: who says it is whose, and where does it lead? No database, no transaction.

A domain is proved by any of three, each of which only whoever runs the domain can arrange, and each of which names one
claim: a TXT record with the claim's token; a CNAME record to a sub-domain of the very station; a file with the token on
the server that the domain leads to now. An address record alone proves nothing (docs/adr/0010-domains.md).
"""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from ipaddress import IPv6Address, ip_network
from typing import TypeVar

from msgspec import Struct

from kameng.infra.dns import Address, Resolver, Unanswered
from kameng.infra.http import OutboundError
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings, parts
from tenants.domains.queries import Claim

FILE = "/.well-known/kameng-verification"
FILE_TIMEOUT_S, FILE_MOST_BYTES, FILE_ADDRESSES = 3.0, 1024, 2
MARK = "kameng-verification="

T = TypeVar("T")


class Finding(Struct, frozen=True):
    """What a look has shown. `error` is a code, empty when the domain leads here and is proved; `seen` is what was
    found instead; `proof` is how it is proved, or empty."""

    error: str = ""
    seen: str = ""
    proof: str = ""


async def look(runtime: Runtime, claim: Claim, subdomains: Collection[str]) -> Finding:
    """A claimed domain; `subdomains` are the station's own. What was proved once stays proved."""
    resolver = Resolver(runtime.settings)
    texts, alias, addresses = await asyncio.gather(
        _known(resolver.texts(claim.txt_name)),
        _known(resolver.alias(claim.host)),
        _known(resolver.addresses(claim.host)),
    )
    proof = claim.proof or _proof_in_names(claim, texts, alias, subdomains)
    if not proof and addresses and await _file_says(runtime, claim, addresses):
        proof = "file"
    led = leads(runtime.settings, addresses)
    if led.error or proof:
        return Finding(led.error, led.seen, proof)
    if texts is None or alias is None:
        return Finding("unknown")
    others = [text for text in texts if text.startswith(MARK)]
    return Finding("other_text", others[0][:200]) if others else Finding("no_proof")


async def look_again(settings: Settings, host: str) -> Finding:
    """A domain that is served: does it still lead here?"""
    return leads(settings, await _known(Resolver(settings).addresses(host)))


def leads(settings: Settings, addresses: Sequence[Address] | None) -> Finding:
    """Whether all addresses are this deployment's; any will do where KAMENG_PUBLIC_ADDRESSES is not set."""
    if addresses is None:
        return Finding("unknown")
    if not addresses:
        return Finding("no_address")
    ours = [ip_network(one) for one in parts(settings.public_addresses)]
    strange = [one for one in addresses if ours and not any(one in network for network in ours)]
    return Finding("elsewhere", str(strange[0])) if strange else Finding()


async def _known(asked: Awaitable[T]) -> T | None:
    """None for what nobody answered."""
    try:
        return await asked
    except Unanswered:
        return None


def _proof_in_names(claim: Claim, texts: Sequence[str] | None, alias: str | None, subdomains: Collection[str]) -> str:
    if claim.txt_value in (text.strip() for text in texts or ()):
        return "txt"
    return "cname" if alias in subdomains else ""


async def _file_says(runtime: Runtime, claim: Claim, addresses: Sequence[Address]) -> bool:
    """Whether the server at one of the addresses holds the claim's token. It is the address that is called, with the
    domain's name: what was looked up is what is asked, and a redirect leads nowhere."""
    for address in addresses[:FILE_ADDRESSES]:
        host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        try:
            reply = await runtime.outbound.request(
                "GET",
                f"http://{host}{_port(runtime.settings)}{FILE}",
                headers={"host": claim.host},
                timeout_s=FILE_TIMEOUT_S,
                max_body_bytes=FILE_MOST_BYTES,
            )
        except OutboundError:
            continue
        if reply.status == 200 and reply.text.strip() == claim.token:
            return True
    return False


def _port(settings: Settings) -> str:
    """Files are fetched from port 80; from the deployment's own port where it is reached over plain HTTP itself."""
    return f":{settings.public_port}" if not settings.secure and settings.public_port else ""
