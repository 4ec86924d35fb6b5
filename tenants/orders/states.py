"""The states of an order and the edges between them. Nothing else may change a state."""

from enum import StrEnum


class State(StrEnum):
    UNPAID = "unpaid"  # placed; a gateway is to bring the money
    PAID = "paid"  # charged; on its way
    WAITING = "waiting"  # charged; no supplier could deliver yet, it is tried again by itself
    DELIVERED = "delivered"
    EXPIRED = "expired"  # never charged
    REFUNDED = "refunded"  # charged, not delivered, given back


EDGES: dict[State, frozenset[State]] = {
    State.UNPAID: frozenset({State.PAID, State.DELIVERED, State.EXPIRED}),
    State.PAID: frozenset({State.WAITING, State.DELIVERED, State.REFUNDED}),
    State.WAITING: frozenset({State.DELIVERED, State.REFUNDED}),
    State.DELIVERED: frozenset(),
    State.EXPIRED: frozenset(),
    State.REFUNDED: frozenset(),
}
FINAL = frozenset(state for state, after in EDGES.items() if not after)


def sources_of(target: State) -> list[str]:
    """The states from which `target` can be reached."""
    return [str(state) for state, after in EDGES.items() if target in after]
