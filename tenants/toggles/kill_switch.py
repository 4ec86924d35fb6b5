"""The kill switch: a file on the machine, `key = value`, that goes before everything else.

    "shop.guest_checkout" = false

TOML, or JSON where the name ends in `.json`. It needs no database: an operator writes it (`kameng flags kill`), and
every process reads it again when it has changed, looking at most once a second. A file that cannot be read or holds a
value that its flag does not accept is left alone as a whole: what the last good one said goes on.
"""

import json
import os
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from tenants.toggles.errors import FlagsFileWrong
from tenants.toggles.flags import FLAGS, Flag, Value

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
Stamp = tuple[int, int, int] | None


class KillSwitch:
    """The file as this process knows it. `generation` changes with what it says."""

    def __init__(
        self, path: str, declared: Mapping[str, Flag] = FLAGS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = Path(path) if path else None
        self.declared = declared
        self.clock = clock
        self.generation = 0
        self.problem = ""
        self.strange: list[str] = []  # keys that no flag has: another version's, or misspelt
        self._values: dict[str, Value] = {}
        self._seen: Stamp = None
        self._look_at = 0.0

    @property
    def values(self) -> Mapping[str, Value]:
        """What is killed, by key; read anew if the file has changed."""
        self.look()
        return self._values

    def look(self) -> int:
        """The generation, after a look at the file if it is time for one."""
        if self.path is not None and self.clock() >= self._look_at:
            self._look_at = self.clock() + LOOK_EVERY_S
            stamp = _stamp(self.path)
            if stamp != self._seen:
                self._seen = stamp
                self._read(self.path)
        return self.generation

    def _read(self, path: Path) -> None:
        try:
            found = read(path)
            known = {key: value for key, value in found.items() if key in self.declared}
            for key, value in known.items():
                if not self.declared[key].accepts(value):
                    raise FlagsFileWrong(problem=f"{key} cannot be {value!r}")
        except FlagsFileWrong as wrong:
            self.problem = str(wrong.params["problem"])
            log.error("flags_file_wrong", path=str(path), problem=self.problem, kept=self._values)
            return
        self.problem, self.strange = "", sorted(found.keys() - known.keys())
        if known != self._values:
            self._values = known
            self.generation += 1
            log.warning("flags_killed", path=str(path), flags=known)


def read(path: Path) -> dict[str, Any]:
    """What the file says; nothing when there is none. Raises `FlagsFileWrong`."""
    try:
        text = path.read_text(encoding="utf-8")
        said = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # of a decoder: both are ValueErrors
        raise FlagsFileWrong(problem=str(error)) from None
    if not isinstance(said, dict):
        raise FlagsFileWrong(problem="it is not a list of `key = value`")
    return dict(_flat(said))


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Puts a new file in the old one's place, so that nobody reads half of it. Raises `FlagsFileWrong`."""
    if path.suffix == ".json":
        text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    else:  # JSON's texts, numbers and truth values are written the same in TOML
        text = "".join(f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in values.items())
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise FlagsFileWrong(problem=str(error)) from None


def _flat(said: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """In TOML, `module.buyers = false` without quotes is a table `module` that holds `buyers`."""
    for key, value in said.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
