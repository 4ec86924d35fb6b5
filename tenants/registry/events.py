"""What others may want to know about stations."""

from decimal import Decimal

from kameng.infra.outbox import Event


class StationOpened(Event, frozen=True):
    """A station was opened that wants all goods of its tier listed at their wholesale price plus so many percent."""

    tenant_id: int
    markup_percent: Decimal


class ImportStarted(Event, frozen=True):
    """An operator has said that the lines of an import which can be opened are to be opened."""

    import_id: int
