"""Calendar months on a station's own clocks."""

from calendar import monthrange
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def months_after(anchor: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same day and hour so many months after `anchor`, or the month's last day where it is shorter.

    Counted from the anchor each time, the ends of monthly periods are 31 January, 28 February, 31 March.
    """
    local = anchor.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    year = local.year + years
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)


def month_of(moment: datetime, zone: ZoneInfo) -> tuple[date, datetime, datetime]:
    """The month of `moment`: its first day, when it began and when the next one begins."""
    day = moment.astimezone(zone).date().replace(day=1)
    began = datetime(day.year, day.month, 1, tzinfo=zone)
    return day, began, months_after(began, 1, zone)
