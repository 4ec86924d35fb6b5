"""Durable embedded servers with a database that can be killed: all its processes at once, as a power cut does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # its stubs are a package we do without
import psycopg

from deploy.embedded import lock, postgres, valkey
from deploy.embedded.passwords import passwords_in
from deploy.embedded.place import Place, place_of, remove_elsewhere
from deploy.embedded.ports import on_a_free_port
from deploy.embedded.postgres import Postgres
from deploy.embedded.servers import Servers
from deploy.embedded.valkey import Valkey
from deploy.processes import record_of, remember, stop, wait_until

GONE_WITHIN_S = 20.0
STOP_WITHIN_S = 30.0


class Database:
    """A running PostgreSQL. Start and kill it in the thread that lives longest: it is tied to it."""

    def __init__(self, place: Place, folder: Path, running: Postgres) -> None:
        self._place = place
        self._log = folder / "postgres.log"
        self._records = folder / "running.json"
        self.running = running
        self._remember()

    def kill(self) -> None:
        """SIGKILL to the server and all its backends. What was committed is in its log on the disk."""
        server = psutil.Process(self.running.process.pid)
        server.suspend()  # else it would notice the first dead backend and begin to recover
        family = [*server.children(recursive=True), server]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.running.process.wait()
        wait_until(lambda: not any(_lives(process) for process in family), GONE_WITHIN_S)

    def start(self) -> None:
        """Starts it again on its port; it recovers from its log before it takes connections."""
        postgres.clear_stale(self._place)
        self.running = postgres.start(self.running.port, self._place, self._log, durable=True)
        self._remember()

    def stop(self) -> None:
        stop(self.running.process, postgres.STOP_SIGNAL, STOP_WITHIN_S)

    def _remember(self) -> None:
        remember(self._records, [record_of("postgres", self.running.process.pid, postgres.STOP_SIGNAL)])


class Cache:
    """A running Valkey. Started again it has what it had written down; the last second may be missing."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._password = password
        self.running = on_a_free_port(self._start)
        self._port = urlsplit(self.running.url).port or 0

    def kill(self) -> None:
        """SIGKILL."""
        self.running.process.kill()
        self.running.process.wait()

    def start(self) -> None:
        """Starts it again on its port."""
        self.running = self._start(self._port)

    def stop(self) -> None:
        stop(self.running.process, valkey.STOP_SIGNAL, STOP_WITHIN_S)

    def _start(self, port: int) -> Valkey:
        return valkey.start(port, self._folder / "valkey", self._folder / "valkey.log", self._password, durable=True)


def _sync_at_once(url: str) -> None:
    """After a crash a server syncs each of its files by itself, and a hundred stations are ten thousand files."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET recovery_init_sync_method = 'syncfs'")


def _lives(process: psutil.Process) -> bool:
    """A dead one that nobody has buried holds nothing."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def servers(folder: Path) -> Iterator[tuple[Servers, Database, Cache]]:
    """Fresh servers in `folder`, which holds nothing else. Raises `EmbeddedError`."""
    with lock.held(folder), ExitStack() as stack:
        passwords, place = passwords_in(folder), place_of(folder)
        stack.callback(remove_elsewhere, folder)
        postgres.create_cluster(place, passwords)
        log = folder / "postgres.log"
        running = on_a_free_port(lambda port: postgres.start(port, place, log, durable=True))
        database = Database(place, folder, running)
        stack.callback(database.stop)
        postgres.create_database(running, passwords)
        _sync_at_once(running.url(postgres.SUPERUSER, passwords.superuser, "postgres"))
        cache = Cache(folder, passwords.valkey)
        stack.callback(cache.stop)
        yield (
            Servers(
                database_url=running.url(postgres.APP, passwords.app),
                admin_url=running.url(postgres.ADMIN, passwords.admin),
                redis_url=cache.running.url,
            ),
            database,
            cache,
        )
