"""Hours of the week, on the station's clocks."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kameng.core.errors import Invalid
from tenants.aftersale import hours
from tenants.aftersale.hours import WEEK_HOURS

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, tzinfo=ZONE)
NONE = [""] * 7


def week(**days: str) -> hours.Hours:
    """`week(mon="9-12")`."""
    return hours.read([days.get(day, "") for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")], "day")


def test_days_are_read_and_written() -> None:
    said = ["9-12, 14-18", "", "0-24", "22-23", "", "", "20–24"]

    assert hours.write(hours.read(said, "day")) == ["9-12, 14-18", "", "0-24", "22-23", "", "", "20-24"]


@pytest.mark.parametrize("wrong", ["9", "9-", "18-9", "9-25", "nine to five", "9-9", "9:30-10"])
def test_what_are_no_hours_is_said_at_its_day(wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        hours.read([*NONE[:3], wrong, *NONE[4:]], "peak")

    assert set(refused.value.errors) == {"peak_3"}


def test_a_stretch_is_known_by_when_it_began_also_over_midnight_and_over_sunday() -> None:
    late = week(sun="22-24", mon="0-2, 9-12")

    assert hours.stretch(MONDAY + timedelta(hours=1, minutes=59), ZONE, late) == "2026-11-22T22"
    assert hours.stretch(MONDAY - timedelta(minutes=1), ZONE, late) == "2026-11-22T22"
    assert hours.stretch(MONDAY + timedelta(hours=2), ZONE, late) == ""
    assert hours.stretch(MONDAY + timedelta(hours=9), ZONE, late) == "2026-11-23T09"


def test_hours_without_end_begin_anew_each_week() -> None:
    always = frozenset(range(WEEK_HOURS))

    keys = {hours.stretch(MONDAY + timedelta(hours=hour), ZONE, always) for hour in range(WEEK_HOURS * 2)}

    assert keys == {"2026-11-23T00", "2026-11-30T00"}


@pytest.mark.parametrize(
    ("asked", "minutes", "due"),
    [
        (timedelta(hours=9), 60, timedelta(hours=10)),
        (timedelta(hours=17, minutes=30), 60, timedelta(days=1, hours=9, minutes=30)),
        (timedelta(hours=3), 60, timedelta(hours=10)),
        (timedelta(days=4, hours=17), 120, timedelta(days=7, hours=10)),
        (timedelta(days=5), 9 * 60, timedelta(days=7, hours=18)),
    ],
)
def test_only_working_hours_count_towards_a_deadline(asked: timedelta, minutes: int, due: timedelta) -> None:
    office = week(**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "9-18"))

    assert hours.deadline(MONDAY + asked, minutes, ZONE, office) == MONDAY + due


def test_without_working_hours_every_hour_counts() -> None:
    assert hours.deadline(MONDAY, 90, ZONE, frozenset()) == MONDAY + timedelta(minutes=90)


def test_peaks_stand_out_and_a_quiet_shop_has_none() -> None:
    loads = dict.fromkeys(range(WEEK_HOURS), 4) | {44: 40, 45: 30}

    assert hours.peaks(loads) == {44, 45}
    assert hours.peaks(dict.fromkeys(range(WEEK_HOURS), 4)) == frozenset()
    assert hours.peaks({3: 1, 100: 2}) == frozenset()
    assert hours.peaks({}) == frozenset()
