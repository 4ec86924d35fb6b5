"""Both servers together, for as long as a block lasts."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from deploy.embedded import lock, postgres, valkey
from deploy.embedded.passwords import passwords_in
from deploy.embedded.place import place_of, remove_elsewhere
from deploy.embedded.ports import on_a_free_port
from deploy.processes import Record, clear_leftovers, record_of, remember, stop

RUNNING = "running.json"
COMPLETE = "complete"  # stands when the cluster, its roles and the database do; without it they are made anew
STOP_WITHIN_S = 30.0


class Servers(msgspec.Struct, frozen=True):
    """`database_url` logs in as the application, `admin_url` as the owner of the database, who migrates."""

    database_url: str
    admin_url: str
    redis_url: str


@contextmanager
def embedded_servers(folder: Path, *, durable: bool, fresh: bool) -> Iterator[Servers]:
    """PostgreSQL and Valkey on free loopback ports, with their data in `folder`.

    fresh: forget what the folder holds. durable: keep what was committed whatever happens; without it a crash
    of the machine may lose everything, and it is faster. The servers stop with the block and, on Linux, with
    the thread that entered it. Raises EmbeddedError: its message is one sentence.
    """
    folder = folder.absolute()
    with lock.held(folder), ExitStack() as stack:
        folder = folder.resolve()
        clear_leftovers(folder / RUNNING, STOP_WITHIN_S)
        if fresh:
            _wipe(folder)
        passwords = passwords_in(folder)
        place = place_of(folder)
        stack.callback(_tidy, folder, place.sockets, fresh=fresh)
        postgres.clear_stale(place)

        complete = folder / COMPLETE
        if complete.exists() and any(place.data.iterdir()):
            postgres.check_version(place, folder)
        else:
            complete.unlink(missing_ok=True)
            postgres.create_cluster(place, passwords)

        records: list[Record | None] = []
        database = on_a_free_port(lambda port: postgres.start(port, place, folder / "postgres.log", durable=durable))
        stack.callback(stop, database.process, postgres.STOP_SIGNAL, STOP_WITHIN_S)
        records.append(record_of("postgres", database.process.pid, postgres.STOP_SIGNAL))
        remember(folder / RUNNING, records)
        if not complete.exists():
            postgres.create_database(database, passwords)
            complete.touch()

        cache = on_a_free_port(
            lambda port: valkey.start(port, folder / "valkey", folder / "valkey.log", passwords.valkey, durable=durable)
        )
        stack.callback(stop, cache.process, valkey.STOP_SIGNAL, STOP_WITHIN_S)
        records.append(record_of("valkey", cache.process.pid, valkey.STOP_SIGNAL))
        remember(folder / RUNNING, records)

        yield Servers(
            database_url=database.url(postgres.APP, passwords.app),
            admin_url=database.url(postgres.ADMIN, passwords.admin),
            redis_url=cache.url,
        )


def _wipe(folder: Path) -> None:
    remove_elsewhere(folder)
    for entry in folder.iterdir():
        if entry.name == lock.LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _tidy(folder: Path, sockets: Path, *, fresh: bool) -> None:
    """What is left when both have stopped: nothing outside the folder, unless it is kept."""
    (folder / RUNNING).unlink(missing_ok=True)
    with suppress(OSError):  # not empty: a server was killed; the next start clears it
        sockets.rmdir()
    if fresh:
        remove_elsewhere(folder)
