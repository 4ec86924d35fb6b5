"""Where a command finds its deployment.

`KAMENG_DATABASE_URL` and `KAMENG_REDIS_URL` name real servers. Without them the checkout's own embedded servers are
used, below `.kameng/demo/`: those that `kameng up` has running, or they are started for the time of the command.
"""

import base64
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.embedded import Servers, embedded_servers
from kameng.infra import settings as settings_door
from kameng.infra.settings import Settings

CHECKOUT = Path(__file__).parent.parent
HOME = CHECKOUT / ".kameng" / "demo"
FIRST_PORT = 8000
PORTS_TRIED = 200


class Secrets(Struct, frozen=True):
    """Made at the first start of the embedded deployment and kept beside its data."""

    secret_key: str
    vault_key: str


def named_servers() -> bool:
    """Whether the environment names real servers."""
    return bool(os.environ.get("KAMENG_DATABASE_URL") or os.environ.get("KAMENG_REDIS_URL"))


@contextmanager
def deployment() -> Iterator[Settings]:
    """The settings of the deployment that a command is about. Raises `SettingsError`, `EmbeddedError`."""
    if named_servers():
        yield settings_door.read()
    elif (running := _running()) is not None:
        yield running
    else:
        with embedded_servers(HOME, durable=True, fresh=False) as servers:
            yield settings_on(servers)


@contextmanager
def serving() -> Iterator[Settings]:
    """The same for `kameng up`, which owns the embedded servers and tells other commands where they are."""
    if named_servers():
        yield settings_door.read()
        return
    with embedded_servers(HOME, durable=True, fresh=False) as servers:
        settings = settings_on(servers)
        _write_private(_address_file(), msgspec.json.encode(settings_door.to_environ(settings)))
        try:
            yield settings
        finally:
            _address_file().unlink(missing_ok=True)


def settings_on(servers: Servers) -> Settings:
    """Settings over embedded servers. Other `KAMENG_*` variables still count."""
    secrets = _secrets()
    port = free_port(int(os.environ.get("KAMENG_PORT") or FIRST_PORT))
    return settings_door.read(
        {
            "KAMENG_SECRET_KEY": secrets.secret_key,
            "KAMENG_VAULT_KEY": secrets.vault_key,
            "KAMENG_PUBLIC_PORT": str(port),
            "KAMENG_ALLOW_PRIVATE_SUPPLIERS": "true",
            "KAMENG_ALLOW_PRIVATE_STATIONS": "true",
            "KAMENG_FLAGS_FILE": str(HOME / "flags.toml"),
            **os.environ,
            "KAMENG_PORT": str(port),
            "KAMENG_DATABASE_URL": servers.database_url,
            "KAMENG_ADMIN_URL": servers.admin_url,
            "KAMENG_REDIS_URL": servers.redis_url,
        }
    )


def flags_file() -> str:
    """The kill switch's file of the deployment that a command is about, found without asking any server; empty if it
    has none."""
    return os.environ.get("KAMENG_FLAGS_FILE") or ("" if named_servers() else str(HOME / "flags.toml"))


def free_port(first: int) -> int:
    """The first loopback port from `first` on that can be had."""
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {first} to {first + PORTS_TRIED}")


def _secrets() -> Secrets:
    file = HOME / "secrets.json"
    if not file.exists():
        made = Secrets(*(base64.b64encode(os.urandom(32)).decode() for _ in range(2)))
        _write_private(file, msgspec.json.encode(made))
    return msgspec.json.decode(file.read_bytes(), type=Secrets)


def _address_file() -> Path:
    return HOME / "environment.json"


def _running() -> Settings | None:
    """What a running `kameng up` has written, if its database can still be reached."""
    if not _address_file().exists():
        return None
    settings = settings_door.read(msgspec.json.decode(_address_file().read_bytes(), type=dict[str, str]))
    try:
        socket.create_connection(("127.0.0.1", settings.port), timeout=1).close()
    except OSError:
        return None
    return settings


def _write_private(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)
