"""Processes that are kept running, stopped in order, and never left behind."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package we do without
import pytest

from deploy.processes import clear_leftovers, record_of, remember
from deploy.supervisor import Process, Supervisor, SupervisorError, answers

CHECKOUT = Path(__file__).parents[2]

STOPS_WHEN_ASKED = """
import signal, sys, time
def leave(*_):
    with open({diary!r}, "a") as diary:
        diary.write({name!r} + " ")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
open({mark!r}, "w").close()
time.sleep(60)
"""

COUNTS_ITS_TERMS = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *_: open({told!r}, "w").close())
    open({mark!r}, "w").close()
    while True: time.sleep(60)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
while True: time.sleep(60)
"""

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open({mark!r} + ".new", "w") as mark: mark.write(str(helper.pid))
import os; os.rename({mark!r} + ".new", {mark!r})
time.sleep(60)
"""

PARENT = """
import sys, time
from pathlib import Path
from deploy.supervisor import Process, Supervisor
folder = Path(sys.argv[1])
try:
    with Supervisor(folder / "state.json") as supervisor:
        supervisor.start(Process("deaf", (sys.executable, "-c", {program!r}), ready=(folder / "mark").exists))
        print("up", flush=True)
        supervisor.wait()
except KeyboardInterrupt:
    print("interrupted before all was up", file=sys.stderr)
"""


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def soon(happened: Callable[[], bool], within_s: float = 60) -> bool:
    deadline = time.monotonic() + within_s
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)
    return happened()


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_processes_stop_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with Supervisor(tmp_path / "state.json") as supervisor:
        for name in ("first", "second", "third"):
            mark = tmp_path / name
            program = STOPS_WHEN_ASKED.format(diary=str(diary), name=name, mark=str(mark))
            supervisor.start(Process(name, python(program), ready=mark.exists))

    assert diary.read_text().split() == ["third", "second", "first"]
    assert not (tmp_path / "state.json").exists()


def test_only_the_main_process_is_asked_to_stop_and_the_rest_is_killed(tmp_path: Path) -> None:
    told, mark = tmp_path / "told", tmp_path / "mark"
    with Supervisor(tmp_path / "state.json") as supervisor:
        program = COUNTS_ITS_TERMS.format(told=str(told), mark=str(mark))
        supervisor.start(Process("forks", python(program), ready=mark.exists))

    assert not told.exists()


def test_a_process_that_does_not_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    console = io.StringIO()
    with Supervisor(tmp_path / "state.json", console=console) as supervisor:
        program = DEAF.format(mark=str(mark))
        supervisor.start(Process("deaf", python(program), ready=mark.exists, stop_within_s=0.2))

    assert soon(lambda: not runs(int(mark.read_text())))
    assert "deaf did not stop within 0.2 s" in console.getvalue()


def test_a_crashed_process_starts_again_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "starts").touch()
    program = f"""
import os, sys
with open({str(tmp_path / "starts")!r}, "a") as starts: starts.write("x")
if os.path.getsize({str(tmp_path / "starts")!r}) == 1: sys.exit("all is lost")
os.kill(os.getppid(), {int(signal.SIGTERM)})
import time; time.sleep(60)
"""
    console = io.StringIO()
    with Supervisor(tmp_path / "state.json", log_folder=tmp_path / "log", console=console) as supervisor:
        supervisor.start(Process("frail", python(program)))
        supervisor.wait()  # until the second start sends SIGTERM

    assert (tmp_path / "starts").read_text() == "xx"
    assert "frail ended with exit code 1 and was not asked to; it starts again in 1 s." in console.getvalue()
    assert "all is lost" in console.getvalue()


def test_a_process_that_ends_while_starting_is_one_clear_error(tmp_path: Path) -> None:
    web = Process("web", python("raise SystemExit(3)"), ready=answers("http://127.0.0.1:9/healthz"))
    with (
        Supervisor(tmp_path / "state.json", log_folder=tmp_path / "log") as supervisor,
        pytest.raises(SupervisorError, match=r"^web ended with exit code 3 while starting"),
    ):
        supervisor.start(web)


def test_lines_appear_behind_the_name(tmp_path: Path) -> None:
    console = io.StringIO()
    program = "import time; print('卡盟'); time.sleep(60)"
    with Supervisor(tmp_path / "state.json", console=console) as supervisor:
        supervisor.start(Process("talker", python(program), ready=lambda: "talker | 卡盟\n" in console.getvalue()))

    assert "talker | 卡盟\n" in console.getvalue()


def test_a_further_ctrl_c_kills_what_does_not_stop(tmp_path: Path) -> None:
    parent = start_parent(tmp_path)
    deadline = time.monotonic() + 60
    while parent.poll() is None and time.monotonic() < deadline:
        parent.send_signal(signal.SIGINT)
        time.sleep(0.3)

    assert parent.wait(30) == 0
    assert not (tmp_path / "state.json").exists()
    assert soon(lambda: not runs(int((tmp_path / "mark").read_text())))


def test_what_a_killed_parent_left_running_is_cleared_by_the_next_start(tmp_path: Path) -> None:
    parent = start_parent(tmp_path)
    parent.kill()
    parent.wait()
    helper = int((tmp_path / "mark").read_text())
    assert runs(helper)

    console = io.StringIO()
    with Supervisor(tmp_path / "state.json", console=console, leftover_patience_s=0.5):
        assert not runs(helper)
    assert "deaf was left running by an earlier start" in console.getvalue()


def test_a_stranger_with_the_same_process_id_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(python("import time; time.sleep(60)"), start_new_session=True)
    try:
        record = record_of("web", stranger.pid)
        assert record is not None
        earlier = type(record)(record.name, record.pid, record.created_s - 10, record.stop_signal)
        remember(tmp_path / "state.json", [earlier])

        assert clear_leftovers(tmp_path / "state.json", patience_s=1) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def start_parent(folder: Path) -> subprocess.Popen[str]:
    """A supervisor of its own process, whose child ignores SIGTERM and has a helper."""
    program = PARENT.format(program=DEAF.format(mark=str(folder / "mark")))
    parent = subprocess.Popen(
        [sys.executable, "-c", program, folder],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout as lines:
        assert lines.readline() == "up\n"
    return parent
