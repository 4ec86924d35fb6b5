"""Hours of the week: 0 is Monday from midnight to one, 167 Sunday from eleven at night, on the station's clocks.

Pure functions. People write a day as `9-12, 14-18`; an empty day has no hours.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kameng.core.errors import Invalid
from kameng.web.i18n import N_

DAYS, DAY_HOURS = 7, 24
WEEK_HOURS = DAYS * DAY_HOURS
STRETCH = re.compile(r"(\d{1,2})(?::00)?\s*[-–~—]\s*(\d{1,2})(?::00)?")
SEPARATORS = re.compile("[,;，；、]")
WEEKS = 4
BUSY_TIMES, BUSY_LEAST = 1.5, 4  # an hour is a peak with so many times the average, and so much in four weeks
BAD_HOURS = N_("Write hours such as 9-12, 14-18, between 0 and 24, or nothing.")
LONGEST_DEADLINE_HOURS = 24 * 60

Hours = frozenset[int]


def read(days: Sequence[str], field: str) -> Hours:
    """The hours of seven days as people write them. Raises `Invalid` at `field_0` to `field_6`."""
    found: set[int] = set()
    errors: dict[str, str] = {}
    for day, said in enumerate(days):
        try:
            found |= {day * DAY_HOURS + hour for hour in _day(said)}
        except ValueError:
            errors[f"{field}_{day}"] = BAD_HOURS
    if errors:
        raise Invalid(errors)
    return frozenset(found)


def _day(said: str) -> set[int]:
    hours: set[int] = set()
    for part in SEPARATORS.split(said):
        if not part.strip():
            continue
        found = STRETCH.fullmatch(part.strip())
        if found is None:
            raise ValueError(part)
        begin, end = int(found[1]), int(found[2])
        if not 0 <= begin < end <= DAY_HOURS:
            raise ValueError(part)
        hours |= set(range(begin, end))
    return hours


def write(hours: Hours) -> list[str]:
    """Seven days as people write them; the reverse of `read`."""
    return [_stretches([hour for hour in range(DAY_HOURS) if day * DAY_HOURS + hour in hours]) for day in range(DAYS)]


def _stretches(hours: Sequence[int]) -> str:
    found: list[list[int]] = []
    for hour in hours:
        if found and found[-1][1] == hour:
            found[-1][1] = hour + 1
        else:
            found.append([hour, hour + 1])
    return ", ".join(f"{begin}-{end}" for begin, end in found)


def hour_of(moment: datetime, zone: ZoneInfo) -> int:
    """In which hour of the week a moment lies."""
    here = moment.astimezone(zone)
    return here.weekday() * DAY_HOURS + here.hour


def stretch(moment: datetime, zone: ZoneInfo, hours: Hours) -> str:
    """When the unbroken stretch of `hours` began in which `moment` lies; empty outside of them. A stretch without end
    begins anew with each week."""
    hour = hour_of(moment, zone)
    if hour not in hours:
        return ""
    back, most = 0, hour if len(hours) == WEEK_HOURS else WEEK_HOURS
    while back < most and (hour - back - 1) % WEEK_HOURS in hours:
        back += 1
    begun = moment.astimezone(zone).replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)
    return f"{begun:%Y-%m-%dT%H}"


def deadline(moment: datetime, minutes: int, zone: ZoneInfo, hours: Hours) -> datetime:
    """`minutes` after `moment`, of which only those in `hours` count. Without hours all count."""
    if not hours:
        return moment + timedelta(minutes=minutes)
    at, left = moment, timedelta(minutes=minutes)
    for _ in range(LONGEST_DEADLINE_HOURS):
        next_hour = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if hour_of(at, zone) in hours:
            if left <= next_hour - at:
                return at + left
            left -= next_hour - at
        at = next_hour
    return at


def peaks(loads: Mapping[int, int]) -> Hours:
    """The busy hours of a week, from how much happened in each of them in four weeks: those with one and a half times
    the average of all hours, unless it is next to nothing."""
    average = sum(loads.values()) / WEEK_HOURS
    return frozenset(hour for hour, load in loads.items() if load >= BUSY_LEAST and load >= BUSY_TIMES * average)
