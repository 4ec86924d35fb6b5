"""True answers made untrue. It works on any JSON answer: the cards of an order are found by the name of their field."""

import json
from typing import Any

from supplier_gateway.adapters.staging.faults import FaultKind

CARDS = ("cards", "secret", "contents")  # a list of texts, or one text with a card on each line
HUGE = 10**30


def spoiled(kind: FaultKind, truth: bytes) -> bytes:
    """The answer `truth` as `kind` has it: a body that is whole, but cannot be believed."""
    match kind:
        case FaultKind.EMPTY:
            return b""
        case FaultKind.TRUNCATED | FaultKind.WRONG_LENGTH:
            return truth[: len(truth) // 2]
        case FaultKind.NOT_UTF8:
            return truth.replace(b'"', b'"\xff\xfe', 2)
        case _:
            return json.dumps(_changed(kind, json.loads(truth)), ensure_ascii=False).encode()


def _changed(kind: FaultKind, value: Any, name: str = "") -> Any:
    if name in CARDS and kind is not FaultKind.WRONG_TYPES and isinstance(value, list | str):
        cards = value if isinstance(value, list) else value.split("\n")
        changed = _cards(kind, cards)
        return changed if isinstance(value, list) else "\n".join(changed)
    if isinstance(value, dict):
        return {key: _changed(kind, inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(kind, inner) for inner in value]
    return _scalar(kind, value, name)


def _cards(kind: FaultKind, cards: list[str]) -> list[str]:
    match kind:
        case FaultKind.MORE_CARDS:
            return [*cards, "ONE-TOO-MANY"]
        case FaultKind.SAME_CARDS:
            return [cards[0]] * len(cards) if cards else []
        case FaultKind.EMPTY_CARDS:
            return ["" for _ in cards]
        case _:
            return cards


def _scalar(kind: FaultKind, value: Any, name: str) -> Any:
    """`code` stays: it says in some protocols that this is an answer at all, and then the spoiled part is looked at."""
    if name == "code" or not _is_number(value):
        return [value] if kind is FaultKind.WRONG_TYPES and isinstance(value, str) else value
    match kind:
        case FaultKind.WRONG_TYPES:
            return {"amount": value}
        case FaultKind.HUGE:
            return str(HUGE) if isinstance(value, str) else HUGE
        case FaultKind.NAN:
            return "NaN" if isinstance(value, str) else float("nan")
        case _:
            return value


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and value.replace(".", "", 1).isdigit())
