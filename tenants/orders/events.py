"""What has happened to an order, for whoever follows it."""

from datetime import datetime
from uuid import UUID

from kameng.infra.outbox import Event


class OrderPlaced(Event, frozen=True):
    """An order waits for money; followed when its time is over."""

    order_id: UUID


class OrderPaid(Event, frozen=True):
    """An order is charged and not yet delivered."""

    order_id: UUID


class OrderMoved(Event, frozen=True):
    """An order that is watched has come to another state, at that time."""

    order_id: UUID
    at: datetime


class OrderWaited(Event, frozen=True):
    """An order waits, or waits for another reason than before."""

    order_id: UUID


class OrderEnded(Event, frozen=True):
    """An order is final that did not go straight from its payment to its buyer: it has waited, or brought nothing."""

    order_id: UUID
