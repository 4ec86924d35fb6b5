"""The states of an order and the edges between them. Nothing else may change a state."""

from enum import StrEnum


class State(StrEnum):
    UNPAID = "unpaid"  # placed; a gateway is to bring the money
    PAID = "paid"  # charged; on its way
    WAITING = "waiting"  # charged; no supplier could deliver yet, it is tried again by itself
    DELIVERED = "delivered"  # a part of its money may have gone back since
    PARTIAL = "partial"  # some units delivered; the money for the others went back
    EXPIRED = "expired"  # never charged: nobody paid in time
    CANCELLED = "cancelled"  # never charged: somebody called it off
    REFUNDED = "refunded"  # charged, and all of it given back


EDGES: dict[State, frozenset[State]] = {
    State.UNPAID: frozenset({State.PAID, State.DELIVERED, State.EXPIRED, State.CANCELLED}),
    State.PAID: frozenset({State.WAITING, State.DELIVERED, State.PARTIAL, State.REFUNDED}),
    State.WAITING: frozenset({State.DELIVERED, State.PARTIAL, State.REFUNDED}),
    State.DELIVERED: frozenset({State.REFUNDED}),
    State.PARTIAL: frozenset({State.REFUNDED}),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.REFUNDED: frozenset(),
}
# Nothing is left to be done; after-sales may still give money back.
FINAL = frozenset({State.DELIVERED, State.PARTIAL, State.EXPIRED, State.CANCELLED, State.REFUNDED})


def sources_of(target: State) -> list[str]:
    """The states from which `target` can be reached."""
    return [str(state) for state, after in EDGES.items() if target in after]
