"""Runs the processes of one installation together: starts them in order, starts a crashed one again,
stops them in reverse order, and clears what an earlier run left behind.
"""

import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self, TextIO

import httpx
import msgspec

from deploy.processes import (
    Record,
    clear_leftovers,
    kill_group,
    record_of,
    remember,
    spawn,
    stop,
    wait_until,
)

CALM_S = 60.0  # a process that ran this long starts again without delay growing further
LONGEST_BACKOFF_S = 30.0
LOOK_EVERY_S = 0.1
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # httpx reads them all for each call, which is plain HTTP here
TERMINATING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SupervisorError(Exception):
    """A process could not be started; the message says which and what it said last."""


class Process(msgspec.Struct, frozen=True):
    """A program to keep running.

    `env` is added to our own environment. `ready` is asked until it says true; without it a process counts as
    ready when it was started. `stop_within_s` is what its main process gets after SIGTERM before its whole
    group is killed.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    ready: Callable[[], bool] | None = None
    ready_within_s: float = 60.0
    stop_within_s: float = 15.0


class _Child:
    """A process while it is kept running; `running` is None between a crash and the next start."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.running: subprocess.Popen[bytes] | None = None
        self.record: Record | None = None
        self.started_s = 0.0
        self.again_at_s = 0.0
        self.backoff_s = 0.0
        self.printer: threading.Thread | None = None


class Supervisor:
    """Use it as a context, in the main thread: inside it SIGTERM and SIGHUP act as Ctrl-C does, and
    leaving it stops everything.

        with Supervisor(folder / "processes.json", log_folder=folder / "log") as supervisor:
            supervisor.start(Process("web", (...), ready=answers("http://127.0.0.1:8000/healthz")))
            supervisor.wait()

    With `log_folder` each process writes to a file of its own there; without it, its lines appear on
    `console` behind its name. Only one supervisor may use a state file at a time; the caller sees to that
    (the lock of the embedded servers does, or systemd).
    """

    def __init__(
        self,
        state_file: Path,
        *,
        log_folder: Path | None = None,
        console: TextIO | None = None,
        leftover_patience_s: float = 10.0,
    ) -> None:
        self._state_file = state_file
        self._log_folder = log_folder
        self._console = console or sys.stderr
        self._leftover_patience_s = leftover_patience_s
        self._children: list[_Child] = []
        self._handlers: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self._waiting = False
        self._stopping = False
        self._hurry = False

    def __enter__(self) -> Self:
        for folder in (self._state_file.parent, self._log_folder):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        for name in clear_leftovers(self._state_file, self._leftover_patience_s):
            self._say(f"{name} was left running by an earlier start; it is stopped now.")
        self._handlers = {each: signal.signal(each, self._on_signal) for each in TERMINATING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop_all()
        finally:
            for each, handler in self._handlers.items():
                signal.signal(each, handler)

    def start(self, process: Process) -> None:
        """Start a process and wait until it is ready. Raises SupervisorError."""
        child = _Child(process)
        self._children.append(child)
        self._launch(child)
        if process.ready is None:
            return
        running, ready = child.running, process.ready
        wait_until(lambda: _ended(running) or ready(), process.ready_within_s, LOOK_EVERY_S)
        if _ended(running):
            raise SupervisorError(f"{process.name} ended {_how(running)} while starting.{self._last_words(child)}")
        if not ready():
            raise SupervisorError(
                f"{process.name} was not ready within {process.ready_within_s:g} s.{self._last_words(child)}"
            )

    def wait(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Keep the processes running until SIGINT, SIGTERM or SIGHUP, then return. Calls `meanwhile` at each look."""
        self._waiting = True
        while not self._stopping:
            for child in self._children:
                self._look_after(child)
            if meanwhile is not None:
                meanwhile()
            time.sleep(LOOK_EVERY_S)
        self._say("stopping ...")

    def pid_of(self, name: str) -> int:
        """The main process of a running child. Raises `LookupError`."""
        for child in self._children:
            if child.process.name == name and child.running is not None:
                return child.running.pid
        raise LookupError(f"{name} is not running")

    def restart(self, *names: str) -> None:
        """Stop these processes and start them again."""
        for child in self._children:
            if child.process.name in names and child.running is not None:
                stop(child.running, signal.SIGTERM, child.process.stop_within_s)
                self._launch(child)

    def stop_all(self) -> None:
        """Stop the processes in the reverse order of their start. A further Ctrl-C kills what is left."""
        self._stopping = True
        for child in reversed(self._children):
            if child.running is not None:
                patience_s = 0.0 if self._hurry else child.process.stop_within_s
                if not stop(child.running, signal.SIGTERM, patience_s) and not self._hurry:
                    self._say(f"{child.process.name} did not stop within {patience_s:g} s and was killed.")
                child.running = None
            if child.printer is not None:
                child.printer.join(timeout=1)
        self._children.clear()
        self._state_file.unlink(missing_ok=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the shape of a handler
        if self._stopping:
            self._hurry = True
            for child in self._children:
                if child.running is not None:
                    kill_group(child.running.pid)
        elif self._waiting:
            self._stopping = True
        else:
            raise KeyboardInterrupt

    def _look_after(self, child: _Child) -> None:
        now_s = time.monotonic()
        if child.running is None:
            if now_s >= child.again_at_s:
                self._launch(child)
            return
        if not _ended(child.running):
            return
        kill_group(child.running.pid)  # what is left of it may hold its port
        calm = now_s - child.started_s >= CALM_S
        child.backoff_s = 1.0 if calm or not child.backoff_s else min(child.backoff_s * 2, LONGEST_BACKOFF_S)
        child.again_at_s = now_s + child.backoff_s
        self._say(
            f"{child.process.name} ended {_how(child.running)} and was not asked to; "
            f"it starts again in {child.backoff_s:g} s.{self._last_words(child)}"
        )
        child.running = None

    def _launch(self, child: _Child) -> None:
        process = child.process
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **process.env}
        if self._log_folder is not None:
            with (self._log_folder / f"{process.name}.log").open("ab") as log:
                child.running = spawn(process.argv, env=env, output=log)
        else:
            child.running = spawn(process.argv, env=env, output=subprocess.PIPE)
            if child.running.stdout is not None:
                child.printer = threading.Thread(
                    target=self._print, args=(process.name, child.running.stdout), daemon=True
                )
                child.printer.start()
        child.started_s = time.monotonic()
        child.record = record_of(process.name, child.running.pid)
        remember(self._state_file, [each.record for each in self._children])

    def _print(self, name: str, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                print(f"{name} | {line.decode(errors='replace').rstrip()}", file=self._console, flush=True)

    def _last_words(self, child: _Child) -> str:
        if self._log_folder is None:
            return ""
        log = self._log_folder / f"{child.process.name}.log"
        lines = log.read_text(errors="replace").splitlines()[-5:]
        return "".join(f"\n    {line}" for line in lines) + f"\n    (all of it: {log})"

    def _say(self, sentence: str) -> None:
        print(f"kameng: {sentence}", file=self._console, flush=True)


def answers(url: str) -> Callable[[], bool]:
    """Readiness by HTTP: whether `url` answers with a status below 400 within two seconds."""

    def ready() -> bool:
        try:
            return httpx.get(url, timeout=2, trust_env=False, verify=NO_AUTHORITIES).status_code < 400
        except httpx.TransportError:  # not listening yet
            return False

    return ready


def _ended(running: subprocess.Popen[bytes] | None) -> bool:
    return running is None or running.poll() is not None


def _how(running: subprocess.Popen[bytes] | None) -> str:
    code = running.returncode if running else 0
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
