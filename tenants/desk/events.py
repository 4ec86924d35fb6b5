"""What the desk tells of."""

from datetime import datetime
from uuid import UUID

from kameng.infra.outbox import Event


class ReplenishmentWanted(Event, frozen=True):
    """An order waits for units that nobody has. Without `good_id` the product is the station's own."""

    product_id: int
    good_id: int | None
    quantity: int
    order_no: str


class RuleDue(Event, frozen=True):
    """A rule's time on a case has come."""

    case_id: UUID
    rule_id: int


class MessageWritten(Event, frozen=True):
    """A buyer is told something, and perhaps looks at no page."""

    message_id: UUID


class OrderPushed(Event, frozen=True):
    """Something about an order was put right: it is to go on now."""

    order_id: UUID


class SwapAccepted(Event, frozen=True):
    """A buyer takes another product: his money is back in the wallet, and the new order is to be placed."""

    swap_id: UUID


class Hooked(Event, frozen=True):
    """Something that the station's own address is to be told."""

    kind: str
    order_no: str
    text: str
    at: datetime
