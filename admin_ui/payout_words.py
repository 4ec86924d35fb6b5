"""What both consoles show of a station's money at the master."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from litestar import Response
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.frame import AnyRequest
from admin_ui.sheets import csv_file
from billing.payouts.queries import Payout
from billing.statements import queries as statements
from kameng.core.money import to_yuan
from kameng.web.i18n import gettext
from kameng.web.pages import when

RequestKey = Annotated[str, Meta(pattern=r"^[A-Z0-9]{20}$")]
MOST_EXPORTED = 10_000
METHODS = ("alipay", "bank", "usdt")
LONGEST_DAYS = 400


class Range(Struct, frozen=True):
    """Days that a statement is for, both included."""

    since: date
    until: date


def wanted_range(request: AnyRequest) -> Range:
    """`?month=2026-11`, or `?from=` and `?to=`; nonsense counts as absent, and the usual is this month."""
    today = statements.today()
    month, since, until = (request.query_params.get(name, "") for name in ("month", "from", "to"))
    first, last = _day(f"{month}-01" if month else since), _day(until)
    if month and first:
        last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    first = first or (last or today).replace(day=1)
    last = min(last or today, today)
    return Range(min(first, last), min(last, first + timedelta(days=LONGEST_DAYS)) if first < last else last)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def payout_file(payouts: Sequence[Payout], *, with_station: bool) -> Response[bytes]:
    """Withdrawals as CSV; where they went is on their pages only."""
    head = [
        gettext("Number of the withdrawal"), *([gettext("Station")] if with_station else []), gettext("State"),
        gettext("Asked"), gettext("Amount, ¥"), gettext("Fee, ¥"), gettext("Arrives, ¥"), gettext("Way"),
        gettext("Asked by"), gettext("Decided at"), gettext("Number of the transfer"), gettext("Reason"),
    ]  # fmt: skip
    rows = [
        [
            one.no, *([one.station] if with_station else []), words.badge("payout", one.state).word,
            when(one.created_at), str(to_yuan(one.amount_cents)), str(to_yuan(one.fee_cents)),
            str(to_yuan(one.paid_cents)), words.say("payout_method", one.method), one.asked_by,
            when(one.decided_at) if one.decided_at else "", one.reference, one.reason,
        ]
        for one in payouts
    ]  # fmt: skip
    return csv_file("withdrawals.csv", head, rows)
