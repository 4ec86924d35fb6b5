"""The states of a station, and which may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """`trial` and `active` sell. `overdue` shows its goods and takes no orders. `suspended` and `closing` are closed to
    buyers while the console is open. Of a `closed` one nothing is left but its row, its ledger and a certificate.
    """

    TRIAL = "trial"
    ACTIVE = "active"
    OVERDUE = "overdue"
    SUSPENDED = "suspended"
    CLOSING = "closing"
    CLOSED = "closed"


# Trial, active and overdue follow each other as the plan is paid (renewal); the rest is what people do.
EDGES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.TRIAL: frozenset({State.ACTIVE, State.OVERDUE, State.SUSPENDED, State.CLOSING}),
        State.ACTIVE: frozenset({State.OVERDUE, State.SUSPENDED, State.CLOSING}),
        State.OVERDUE: frozenset({State.ACTIVE, State.SUSPENDED, State.CLOSING}),
        State.SUSPENDED: frozenset({State.ACTIVE, State.OVERDUE, State.CLOSING}),
        State.CLOSING: frozenset({State.TRIAL, State.ACTIVE, State.OVERDUE, State.SUSPENDED, State.CLOSED}),
        State.CLOSED: frozenset(),
    }
)


def before(state: State) -> list[str]:
    """The states that `state` may follow, for a statement that checks and changes at once."""
    return [str(one) for one, following in EDGES.items() if state in following]
