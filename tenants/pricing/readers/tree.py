"""JSON at an address, with the ways to what is wanted in it."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers.article import Article, Options, made

PLACE = re.compile(r"[0-9]{1,9}")


def read(body: bytes, options: Options) -> Sequence[Article]:
    """Raises `FeedUnreadable`."""
    try:
        root = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FeedUnreadable("This is not JSON.") from None
    listed = at(root, options.items)
    if not isinstance(listed, list):
        raise FeedUnreadable("There is no list at %(place)s.", place=options.items or "/")
    found = (
        made(at(item, options.article), at(item, options.name), at(item, options.price), in_cents=options.in_cents)
        for item in listed
    )
    return [one for one in found if one]


def at(value: Any, way: str) -> Any:
    """What stands at `a.b.0`, or None."""
    for step in way.split(".") if way else ():
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and PLACE.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
