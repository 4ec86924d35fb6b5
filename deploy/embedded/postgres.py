"""A PostgreSQL of our own: its cluster, its roles, its process."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import msgspec
import psycopg
from psycopg import sql

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.passwords import Passwords
from deploy.embedded.place import Place
from deploy.embedded.ports import PortTaken
from deploy.processes import Account, killed_on_error, spawn, stop_working_in, wait_until

DATABASE = "kameng"
SUPERUSER = "postgres"
ADMIN = "kameng_admin"
APP = "kameng_app"
STOP_SIGNAL = signal.SIGINT  # "fast": ends sessions, writes a checkpoint, leaves
START_WITHIN_S = 120.0  # recovery after a crash takes its time; a usual start takes 0.1 s

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "jit": "off",  # statements here are short; compiling one costs more than running it
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOTHING_TO_LOSE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres(msgspec.Struct, frozen=True):
    process: subprocess.Popen[bytes]
    sockets: Path
    port: int

    def url(self, role: str, password: str, database: str = DATABASE) -> str:
        """A libpq URL over the unix socket; the same port is open on 127.0.0.1."""
        host = quote(str(self.sockets), safe="")
        return f"postgresql://{role}:{password}@/{database}?host={host}&port={self.port}"


def create_cluster(place: Place, passwords: Passwords) -> None:
    """Make an empty cluster in `place.data`, in place of whatever is there. Takes half a second."""
    _empty(place.data)
    word_file = place.sockets / "superuser"
    word_file.unlink(missing_ok=True)
    with os.fdopen(os.open(word_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(passwords.superuser)
    if place.account:
        os.chown(word_file, place.account.uid, place.account.gid)
    try:
        _run_initdb(place, word_file)
    finally:
        word_file.unlink()


def check_version(place: Place, folder: Path) -> None:
    """Refuse a kept cluster that another major version has written."""
    written = (place.data / "PG_VERSION").read_text().strip()
    ours = _output([place.programs / "postgres", "--version"], place.account).split()[-1].partition(".")[0]
    if written != ours:
        raise EmbeddedError(
            f"The data in {folder} are of PostgreSQL {written}, and this is {ours}: remove the folder to start over."
        )


def start(port: int, place: Place, log: Path, *, durable: bool) -> Postgres:
    """Start the server and wait until it takes connections. Raises PortTaken, EmbeddedError."""
    settings = SETTINGS | {"port": str(port), "unix_socket_directories": str(place.sockets)}
    if not durable:
        settings |= NOTHING_TO_LOSE
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        process = spawn(
            [place.programs / "postgres", "-D", place.data, *words],
            env=_environment(),
            cwd=Path("/"),
            output=output,
            stop_signal=STOP_SIGNAL,
            account=place.account,
        )
    with killed_on_error(process):
        wait_until(lambda: process.poll() is not None or _is_ready(place.data, process.pid), START_WITHIN_S)
        if process.poll() is None and _is_ready(place.data, process.pid):
            return Postgres(process, place.sockets, port)
        said = log.read_text(errors="replace")
        if "Address already in use" in said:
            raise PortTaken
        raise EmbeddedError(f"PostgreSQL did not start: {_last_words(said)} (all of it: {log}).")


def create_database(server: Postgres, passwords: Passwords) -> None:
    """The database `kameng`, the role that owns it, and the role the application logs in with."""
    try:
        with psycopg.connect(server.url(SUPERUSER, passwords.superuser, "postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEROLE NOSUPERUSER NOCREATEDB PASSWORD {}").format(
                    sql.Identifier(ADMIN), sql.Literal(passwords.admin)
                )
            )
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOINHERIT NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD {}").format(
                    sql.Identifier(APP), sql.Literal(passwords.app)
                )
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ADMIN))
            )
    except psycopg.Error as error:
        raise EmbeddedError(f"PostgreSQL started but refused to be set up: {error}.") from error


def clear_stale(place: Place) -> None:
    """Stop servers that still work in the data folder, and remove the files that say one does.

    The caller holds the folder's lock, so whatever still works there was left by a crash. The pid file must
    go: after a reboot its number may belong to another process, and PostgreSQL would refuse to start.
    """
    stop_working_in(place.data, STOP_SIGNAL, patience_s=10)
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    for socket_file in place.sockets.glob(".s.PGSQL.*"):
        socket_file.unlink()


def _run_initdb(place: Place, word_file: Path) -> None:
    _output(
        [
            place.programs / "initdb",
            "-D",
            place.data,
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
            f"--pwfile={word_file}",
            *("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"),
        ],
        place.account,
    )


def _output(argv: list[str | Path], account: Account | None) -> str:
    try:
        result = subprocess.run(  # noqa: S603  PostgreSQL's own programs, named by us
            argv,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise EmbeddedError(f"{argv[0]} cannot be run: {error.strerror}.") from error
    if result.returncode != 0:
        raise EmbeddedError(f"{Path(argv[0]).name} failed: {_last_words(result.stderr)}")
    return result.stdout


def _environment() -> dict[str, str]:
    """Ours, without what would steer PostgreSQL elsewhere (PGDATA, PGPORT, ...), and with plain messages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _is_ready(data: Path, pid: int) -> bool:
    """The eighth line of the pid file is the state (PostgreSQL, src/include/utils/pidfile.h)."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    return (telling or lines or ["it said nothing"])[-1]


def _empty(data: Path) -> None:
    for entry in data.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
