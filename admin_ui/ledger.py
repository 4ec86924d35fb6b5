"""Ledger entries as pages show them: by transfer, each in balance."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from msgspec import Struct

from admin_ui import words
from billing.ledger.queries import Entry


class Line(Struct, frozen=True):
    """One line; `account` in words, positive cents are a credit."""

    account: str
    amount_cents: int


class Transfer(Struct, frozen=True):
    """One transfer and its lines, which sum to zero."""

    title: str
    at: datetime
    lines: list[Line]


def transfers(entries: Sequence[Entry]) -> list[Transfer]:
    """The transfers of `entries` in their order. A station sees its own lines only, so the master's side is
    added as one line with what is missing to zero: by the ledger's own rule that is what stands there.
    """
    return [
        Transfer(words.say("transfer", transfer), at, _balanced(list(lines)))
        for (transfer, at), lines in groupby(entries, key=lambda entry: (entry.transfer, entry.at))
    ]


def _balanced(entries: Sequence[Entry]) -> list[Line]:
    lines = [Line(words.say("account", entry.account), entry.amount_cents) for entry in entries]
    missing = -sum(entry.amount_cents for entry in entries)
    return [*lines, Line(words.say("account", "master"), missing)] if missing else lines
