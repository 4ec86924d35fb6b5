"""`KAMENG_*`, read once into one frozen struct. A wrong or missing value is one sentence naming the variable."""

import base64
import binascii
import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from kameng.core.errors import KamengError

PREFIX = "KAMENG_"


class SettingsError(KamengError):
    """A variable is missing or wrong; the message names it."""


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting of a process. Field `x_y` is the variable `KAMENG_X_Y`.

    URLs as libpq and redis-py read them; `secret_key` and `vault_key` are 32 bytes in base64; times in seconds.
    """

    database_url: str  # the application's login role; it owns nothing
    admin_url: str = ""  # a role that may create roles and schemas; needed to migrate and to open tenants
    redis_url: str
    secret_key: str
    vault_key: str
    master_host: str = "master.localhost"
    station_domain: str = "localhost"  # a new station `abc` is reached at abc.<station_domain>
    scheme: str = "http"
    public_port: int = 0  # 0: the scheme's own port
    bind: str = "127.0.0.1"
    port: int = 8000
    metrics_port: int = 0  # 0: no metrics
    web_workers: int = 1
    pool_size: int = 5  # of each process: twice the cores and one; more only wait for each other in PostgreSQL
    pool_schemas: int = 3  # schemas kept ready, so that a station is open at once
    closing_days: int = 30  # how long a closing can be undone
    trusted_proxies: str = ""  # addresses whose X-Forwarded-For is believed, by commas
    supplier_timeout_s: float = 8.0
    gateway_timeout_s: float = 5.0
    allow_private_suppliers: bool = False  # whom the master names may live in its own network, or on loopback
    allow_private_stations: bool = False  # and whom stations name: for demo and tests, where no owner is a stranger
    smtp_url: str = ""  # smtp://user:password@host:587 or smtps://host; empty: no letters are sent
    telegram_url: str = "https://api.telegram.org"  # where bots are reached; a Bot API server of one's own, or a relay
    log_format: str = "auto"  # auto, json, console
    log_level: str = "info"
    asset_folder: str = ""
    dns_servers: str = ""  # who is asked about custom domains, by commas, each with or without :port; else the system's
    public_addresses: str = ""  # where custom domains must point, by commas, addresses or networks; else anywhere
    hosts_folder: str = ""  # a file for each host that is served, for Caddy; see docs/hosts.md
    flags_file: str = ""  # the kill switch: flags that go before all else, while the database is away too

    @property
    def secure(self) -> bool:
        """Whether buyers reach us over TLS; decides about `__Host-` cookies."""
        return self.scheme == "https"

    def base_url(self, host: str) -> str:
        """`https://shop.example` or `http://shop.localhost:8000`: where `host` is reached from outside."""
        standard = {"http": 80, "https": 443}[self.scheme]
        port = f":{self.public_port}" if self.public_port not in (0, standard) else ""
        return f"{self.scheme}://{host}{port}"


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process. Raises `SettingsError` with one sentence."""
    values = {
        name: environ[PREFIX + name.upper()]
        for name in Settings.__struct_fields__
        if environ.get(PREFIX + name.upper())
    }
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_sentence(str(error))) from None
    _check(settings)
    return settings


def to_environ(settings: Settings) -> dict[str, str]:
    """The variables from which `read` makes the same settings: what a child process is started with."""
    return {PREFIX + name.upper(): _text(getattr(settings, name)) for name in Settings.__struct_fields__}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(problem: str) -> str:
    for name in Settings.__struct_fields__:
        if f"`{name}`" in problem or f"$.{name}" in problem:
            variable = PREFIX + name.upper()
            if "missing" in problem:
                return f"{variable} is not set."
            return f"{variable} is wrong: {problem.split(' - at')[0]}."
    return problem


def _check(settings: Settings) -> None:
    for name in ("secret_key", "vault_key"):
        try:
            key = base64.b64decode(getattr(settings, name), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise SettingsError(f"{PREFIX}{name.upper()} must be 32 bytes in base64.")
    for name, schemes in (("database_url", {"postgresql"}), ("redis_url", {"redis", "rediss", "unix"})):
        if urlsplit(getattr(settings, name)).scheme not in schemes:
            raise SettingsError(f"{PREFIX}{name.upper()} must be a {' or '.join(sorted(schemes))}:// address.")
    if settings.smtp_url and (
        urlsplit(settings.smtp_url).scheme not in ("smtp", "smtps") or not urlsplit(settings.smtp_url).hostname
    ):
        raise SettingsError(f"{PREFIX}SMTP_URL must be an smtp:// or smtps:// address.")
    if urlsplit(settings.telegram_url).scheme not in ("http", "https") or not urlsplit(settings.telegram_url).hostname:
        raise SettingsError(f"{PREFIX}TELEGRAM_URL must be an http:// or https:// address.")
    if settings.scheme not in ("http", "https"):
        raise SettingsError(f"{PREFIX}SCHEME must be http or https.")
    if settings.log_format not in ("auto", "json", "console"):
        raise SettingsError(f"{PREFIX}LOG_FORMAT must be auto, json or console.")
    _check_addresses(settings)


def _check_addresses(settings: Settings) -> None:
    for address in parts(settings.public_addresses):
        try:
            ip_network(address)
        except ValueError:
            raise SettingsError(f"{PREFIX}PUBLIC_ADDRESSES holds {address!r}, which is no address.") from None
    for server in parts(settings.dns_servers):
        try:
            address_and_port(server, 53)
        except ValueError:
            raise SettingsError(f"{PREFIX}DNS_SERVERS holds {server!r}, which is no address.") from None


def parts(listed: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in listed.split(",") if part.strip()]


def address_and_port(text: str, standard: int) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. Raises `ValueError`."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    return str(ip_address(address)), int(port or standard)
