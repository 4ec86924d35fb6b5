"""Child processes that leave nothing behind: started in a session of their own, tied to the life of
their parent, written down, and cleared by the next start when a crash left them running.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec
import psutil  # type: ignore[import-untyped]  # its stubs are a package we do without

TETHER = Path(__file__).with_name("tether.py")
CLOCK_SLACK_S = 2.0  # the kernel tells a start time relative to boot, and boot by a clock that is corrected


class Account(msgspec.Struct, frozen=True):
    """A user of the operating system, to whom a child gives up its rights."""

    name: str
    uid: int
    gid: int


class Record(msgspec.Struct, frozen=True):
    """What is known of a child after its parent is gone. `created_s` is a Unix time; it tells the child
    from a stranger who got the same process id later."""

    name: str
    pid: int
    created_s: float
    stop_signal: int = signal.SIGTERM


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    output: int | IO[bytes],
    stop_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; stdout and stderr go to `output`.

    On Linux the child gets `stop_signal` when the calling *thread* ends, however it ends: call this from a
    thread that lives as long as the child shall.
    """
    uid, gid = (str(account.uid), str(account.gid)) if account else ("-", "-")
    # Our own interpreter and our own arguments; nothing of it comes from a request.
    return subprocess.Popen(  # noqa: S603  see the line above
        [sys.executable, "-I", "-S", TETHER, str(os.getpid()), str(int(stop_signal)), uid, gid, *argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
    )


def stop(child: subprocess.Popen[bytes], stop_signal: int, patience_s: float) -> bool:
    """Ask the main process alone to stop, and after `patience_s` kill its whole group.

    Only the main process is asked: Dramatiq with AsyncIO hangs when its workers get the signal twice.
    Returns whether it stopped by itself.
    """
    child.send_signal(stop_signal)
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        return False
    else:
        return True
    finally:
        kill_group(child.pid)
        child.wait()


@contextlib.contextmanager
def killed_on_error(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let no child stay behind when waiting for it to be ready fails or is interrupted."""
    try:
        yield
    except BaseException:
        kill_group(child.pid)
        child.wait()
        raise


def kill_group(leader_pid: int) -> None:
    """Kill whatever is left of a group; none left is the usual case."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: only zombies (macOS)
        os.killpg(leader_pid, signal.SIGKILL)


def record_of(name: str, pid: int, stop_signal: int = signal.SIGTERM) -> Record | None:
    """What to remember of a child that was just started; None when it has already ended."""
    try:
        return Record(name, pid, psutil.Process(pid).create_time(), stop_signal)
    except psutil.NoSuchProcess:
        return None


def remember(file: Path, records: Iterable[Record | None]) -> None:
    """Write the records of the running children to `file`, whole or not at all."""
    draft = file.with_name(file.name + ".new")
    draft.write_bytes(msgspec.json.encode([record for record in records if record]))
    draft.replace(file)


def clear_leftovers(file: Path, patience_s: float) -> list[str]:
    """Stop every child recorded in `file` that still runs, and whatever is left of its session.

    Returns the names of those that were found. The order is the reverse of the order they were started in.
    """
    try:
        records = msgspec.json.decode(file.read_bytes(), type=list[Record])
    except FileNotFoundError:
        return []
    except msgspec.DecodeError:  # a full disk at the wrong moment; then nothing is known
        records = []
    found = [record.name for record in reversed(records) if _stop_leftover(record, patience_s)]
    file.unlink()
    return found


def stop_working_in(folder: Path, stop_signal: signal.Signals, patience_s: float) -> None:
    """Stop every process whose working folder is `folder`, also when it has been removed meanwhile."""
    names = {str(folder), f"{folder} (deleted)"}
    found = [
        process
        for process in psutil.process_iter(["cwd"])
        if process.info["cwd"] in names and process.pid != os.getpid()  # cwd is None where we may not look
    ]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
            process.resume()  # one that somebody suspended could not obey
    _, stubborn = psutil.wait_procs(found, timeout=patience_s)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience_s)


def _stop_leftover(record: Record, patience_s: float) -> bool:
    if record.created_s < _first_moment_s() - CLOCK_SLACK_S:
        return False  # from before a reboot: every process id has been dealt anew
    leader = _living(record.pid)
    if leader is not None and abs(leader.create_time() - record.created_s) > CLOCK_SLACK_S:
        return False
    members = _session(record)
    if leader is not None:
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's backends have sessions of their own
            members = list({*members, *leader.children(recursive=True)})
        with contextlib.suppress(psutil.NoSuchProcess):
            leader.send_signal(record.stop_signal)
        for member in members:  # a process that somebody suspended could not obey
            with contextlib.suppress(psutil.NoSuchProcess):
                member.resume()
        psutil.wait_procs([leader], timeout=patience_s)
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(members, timeout=patience_s)
    return bool(members)


def _living(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def _session(record: Record) -> list[psutil.Process]:
    """The living processes of the session that the recorded child led, itself among them."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if (
                os.getsid(process.pid) == record.pid
                and process.create_time() >= record.created_s - CLOCK_SLACK_S
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                members.append(process)
    return members


def _first_moment_s() -> float:
    """When process ids began: the start of process 1, which in a container is later than boot."""
    try:
        return float(psutil.Process(1).create_time())
    except psutil.Error:
        return float(psutil.boot_time())


def wait_until(happened: Callable[[], bool], within_s: float, every_s: float = 0.02) -> bool:
    """Ask `happened` until it is true or `within_s` has passed; tells which."""
    deadline = time.monotonic() + within_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
