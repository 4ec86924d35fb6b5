"""Days as the people of a station count them."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from kameng.core import clock
from kameng.web import i18n


def midnight(now: datetime, zone: ZoneInfo, days_ago: int = 0) -> datetime:
    """When the day of `now` in `zone` began, or that of so many days before."""
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def today(days_ago: int = 0) -> datetime:
    """The reader's midnight."""
    return midnight(clock.now(), i18n.reader().zone, days_ago)


def latest(count: int) -> list[date]:
    """The reader's last days with today, oldest first."""
    return [today(days_ago=ago).date() for ago in reversed(range(count))]


def hour_now() -> int:
    """The hour of the reader's day, 0 to 23."""
    return clock.now().astimezone(i18n.reader().zone).hour
