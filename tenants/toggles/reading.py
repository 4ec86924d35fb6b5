"""Reading flags and remembering which: what a sale was decided on is kept with its order."""

from collections.abc import Mapping

import msgspec

from tenants.toggles.flags import DEFAULTS, Flag, Value


class Reading:
    """The flags of one request as far as they were asked for. Without values the defaults hold."""

    def __init__(self, values: Mapping[str, Value] = DEFAULTS) -> None:
        self._values = values
        self.read: dict[str, Value] = {}

    def is_on(self, flag: Flag) -> bool:
        return bool(self._take(flag))

    def number(self, flag: Flag) -> int:
        return int(self._take(flag))

    def as_json(self) -> str:
        """What was read so far, by key."""
        return msgspec.json.encode(self.read).decode()

    def _take(self, flag: Flag) -> Value:
        value = self.read[flag.key] = self._values[flag.key]
        return value
