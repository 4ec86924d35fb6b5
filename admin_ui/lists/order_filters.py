"""What the list of orders can be asked for, from its address."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from admin_ui.lists.source import Query
from kameng.core import money
from kameng.core.errors import Invalid
from kameng.web import forms, i18n
from kameng.web.i18n import gettext
from tenants.orders.finding import Wish

NAMES = ("q", "state", "from", "to", "product", "buyer", "channel", "least", "most")
FOLDED = NAMES[2:]  # those of the form that is folded away
MOST_YUAN = "10000000"
Amount = Annotated[Decimal, Meta(extra={"ge": "0", "le": MOST_YUAN, "places": 2})]


class OrderFilter(Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to", "words": "q"}):
    """Days of the reader's time zone, the last one included; amounts in yuan."""

    words: str = ""
    state: Annotated[str, Meta(max_length=20)] = ""
    since: date | None = None
    until: date | None = None
    product: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    buyer: UUID | None = None
    channel: Annotated[str, Meta(max_length=20)] = ""
    least: Amount | None = None
    most: Amount | None = None


def wish(query: Query) -> Wish:
    """What is looked for. Raises `Invalid` at the filters that make no sense."""
    asked = forms.read([(name, query[name]) for name in NAMES if query.get(name)], OrderFilter)
    if asked.since and asked.until and asked.since > asked.until:
        raise Invalid({"to": gettext("This day is before the first one.")}, dict(query))
    if asked.least is not None and asked.most is not None and asked.least > asked.most:
        raise Invalid({"most": gettext("This amount is below the least one.")}, dict(query))
    return Wish(
        words=asked.words,
        state=asked.state,
        product_id=asked.product,
        buyer_id=asked.buyer,
        channel=asked.channel,
        least_cents=None if asked.least is None else money.to_cents(asked.least),
        most_cents=None if asked.most is None else money.to_cents(asked.most),
        since=_begin(asked.since),
        until=_begin(asked.until, days=1),
    )


def _begin(day: date | None, days: int = 0) -> datetime | None:
    if day is None or not date.min + timedelta(days=2) < day < date.max - timedelta(days=2):
        return None
    day += timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=i18n.reader().zone)
