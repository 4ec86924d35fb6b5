"""From what a person types to the name of a domain that may be claimed."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from kameng.infra.dns import BadName, ascii_name
from kameng.infra.settings import Settings
from kameng.web.addresses import HOST, LONGEST_HOST
from tenants.domains.errors import (
    BadDomain,
    BadLabel,
    DomainHasPort,
    DomainHasScheme,
    DomainIsAddress,
    DomainIsOurs,
    DomainIsSuffix,
    DomainIsWildcard,
)

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)")  # a name that ends so is an address to a browser (WHATWG URL, 3.5)
# Under country codes these stand for kinds of owners, under cn also for provinces. It spares a person a week of
# waiting; what keeps such a name from being taken over is that nobody can prove it.
KINDS = re.compile(r"ac|com?|edu|go|gov|mil|net?|org?")
PROVINCES = re.compile(r"ah|bj|cq|fj|g[dsxz]|h[abeikln]|j[lsx]|ln|mo|nm|nx|qh|s[cdhnx]|t[jw]|x[jz]|yn|zj")


def domain_name(settings: Settings, typed: str) -> str:
    """The name in ASCII, lower case, without closing dot. Raises `BadDomain` of one kind or another or
    `DomainIsOurs`, at the field `domain`."""
    text = typed.strip()
    if "*" in text:
        raise DomainIsWildcard(field="domain")
    if _is_address(text):
        raise DomainIsAddress(field="domain")
    if "/" in text:
        raise DomainHasScheme(field="domain", domain=_suggested(text))
    if ":" in text:
        raise DomainHasPort(field="domain", domain=text.partition(":")[0])
    name = _ascii(text)
    if _is_suffix(name):
        raise DomainIsSuffix(field="domain", domain=name)
    if is_ours(settings, name):
        raise DomainIsOurs(field="domain")
    return name


def is_ours(settings: Settings, name: str) -> bool:
    """Whether the name is the deployment's own, or a station's sub-domain."""
    return name in (settings.master_host, settings.station_domain) or is_subdomain(settings, name)


def is_subdomain(settings: Settings, host: str) -> bool:
    """Whether a host stands under the deployment's domain for stations."""
    return host.endswith(f".{settings.station_domain}")


def subdomain(settings: Settings, label: str) -> str:
    """The host of a station's sub-domain. Raises `BadLabel` at the field `label`."""
    host = f"{label}.{settings.station_domain}"
    if not LABEL.fullmatch(label) or host == settings.master_host:
        raise BadLabel(field="label")
    return host


def _ascii(text: str) -> str:
    try:
        name = ascii_name(text)
    except BadName:
        raise BadDomain(field="domain") from None
    if not HOST.fullmatch(name) or len(name) > LONGEST_HOST or not all(map(LABEL.fullmatch, name.split("."))):
        raise BadDomain(field="domain")
    if NUMBER.fullmatch(name.rpartition(".")[2]):
        raise DomainIsAddress(field="domain")
    return name


def _is_suffix(name: str) -> bool:
    first, dot, rest = name.partition(".")
    if not dot:
        return True
    return len(rest) == 2 and bool(KINDS.fullmatch(first) or (rest == "cn" and PROVINCES.fullmatch(first)))


def _is_address(text: str) -> bool:
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    for candidate in (bare, bare.partition(":")[0]):
        try:
            ip_address(candidate)
        except ValueError:
            continue
        return True
    return False


def _suggested(text: str) -> str:
    """The name in an address that was pasted, or an example."""
    try:
        found = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        found = None
    return found or "shop.example.com"
