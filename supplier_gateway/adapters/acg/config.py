"""The text in which acg-faka keeps an article's variants and prices, with the quirks of the program that reads it.

Sections in brackets; `name=value` below them, `=` exactly once; a point in a name leads a level down (`颜色.红=1`); of
two equal names the first counts; nothing is a comment, and a line before the first section is an error.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

SECTION = re.compile(r"\[(.*?)\]$")
MOST_BYTES = 256 << 10
MOST_YUAN = 10_000_000

Tree = dict[str, Any]  # a text, or again a tree


class BadConfig(ValueError):
    """The text is not of this form."""


def read(text: str) -> dict[str, Tree]:
    """Its sections. Raises `BadConfig`."""
    if len(text) > MOST_BYTES:
        raise BadConfig("too long")
    sections: dict[str, Tree] = {}
    name = ""
    for line in re.split(r"[\r\n]+", text.lstrip("\ufeff").strip()):
        if line in ("", "0"):
            continue
        if heading := SECTION.search(line):
            name = heading[1]
            sections.setdefault(name, {})
        elif not name or line.count("=") != 1:
            raise BadConfig(line[:80])
        else:
            left, _, value = line.partition("=")
            _put(sections[name], left.split("."), value)
    return sections


def write(sections: Mapping[str, Tree]) -> str:
    """The text again."""
    lines: list[str] = []
    for name, tree in sections.items():
        lines.append(f"[{name}]")
        lines.extend(f"{path}={value}" for path, value in _paths(tree))
    return "\n".join(lines)


def yuan(value: object) -> Decimal | None:
    """An amount as PHP writes one, a text or a number, in yuan; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < MOST_YUAN else None


def ladder(tree: Mapping[str, Any]) -> tuple[tuple[int, Decimal], ...]:
    """`{"10": "9.5", "5": "9.8"}` as steps, the smallest quantity first; what is no step is left out."""
    steps = {
        int(quantity): price
        for quantity, value in tree.items()
        if quantity.isascii() and quantity.isdigit() and 0 < len(quantity) < 8 and (price := yuan(value)) is not None
    }
    return tuple(sorted(steps.items()))


def _put(tree: Tree, path: list[str], value: str) -> None:
    """The first of two equal names counts, be it a text or a level."""
    for part in path[:-1]:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree.setdefault(path[-1], value)


def _paths(tree: Tree, above: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        found += _paths(value, f"{above}{name}.") if isinstance(value, dict) else [(f"{above}{name}", str(value))]
    return found
