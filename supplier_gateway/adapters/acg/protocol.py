"""The answers of an acg-faka shop, as far as they are used. PHP writes numbers now as numbers, now as texts."""

from typing import Any

import msgspec
from msgspec import Struct

from kameng.infra.http import BadAnswer, Reply

OK = 200


class Said(Exception):
    """The shop's own no: a code other than 200, with its words. By the protocol nothing was done."""


class Envelope(Struct):
    code: int | str
    msg: str | None = None
    data: Any = None


def told(reply: Reply) -> Any:
    """`data` of a good answer. Raises `Said`, and `BadAnswer` for what is not of the protocol."""
    if reply.status != OK:
        raise BadAnswer(f"HTTP {reply.status}")
    envelope = reply.json(Envelope)
    if str(envelope.code) != str(OK):
        raise Said(envelope.msg or f"code {envelope.code}")
    return envelope.data


def record(data: Any) -> dict[str, Any]:
    """Raises `BadAnswer` for anything but an object."""
    if not isinstance(data, dict):
        raise BadAnswer("not an object")
    return data


def text_of(data: dict[str, Any], name: str) -> str:
    """A text, or a number as one; empty where there is none. Raises `BadAnswer`."""
    value = data.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadAnswer(f"{name} is no text")
    return str(value)


def listed(value: Any) -> list[Any]:
    """What should be a list, also where PHP made an object of it or a text of JSON; empty for anything else."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return []
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
