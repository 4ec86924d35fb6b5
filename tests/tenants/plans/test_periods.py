"""Months are the calendar's, on the station's own clocks."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.plans.periods import month_of, months_after

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        ("2026-01-31T10:00", 1, "2026-02-28T10:00"),
        ("2026-01-31T10:00", 2, "2026-03-31T10:00"),
        ("2027-12-31T23:59", 2, "2028-02-29T23:59"),
        ("2026-11-30T00:00", 12, "2027-11-30T00:00"),
        ("2026-12-15T08:30", 1, "2027-01-15T08:30"),
    ],
)
def test_a_period_ends_on_the_same_day_or_the_months_last(anchor: str, months: int, expected: str) -> None:
    began = datetime.fromisoformat(anchor).replace(tzinfo=SHANGHAI)

    assert months_after(began, months, SHANGHAI) == datetime.fromisoformat(expected).replace(tzinfo=SHANGHAI)


def test_the_hour_stays_when_the_clocks_are_changed() -> None:
    zone = ZoneInfo("Europe/Berlin")

    assert months_after(datetime(2026, 3, 1, 9, tzinfo=zone), 1, zone) == datetime(2026, 4, 1, 9, tzinfo=zone)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 400), st.integers(1, 36))
def test_longer_is_later(day: date, months: int, more: int) -> None:
    anchor = datetime(day.year, day.month, day.day, 12, 30, tzinfo=SHANGHAI)

    assert months_after(anchor, months, SHANGHAI) < months_after(anchor, months + more, SHANGHAI)


def test_a_month_begins_at_the_stations_midnight() -> None:
    day, began, ends = month_of(datetime(2026, 11, 30, 20, tzinfo=ZoneInfo("UTC")), SHANGHAI)

    assert day == date(2026, 12, 1)
    assert began == datetime(2026, 12, 1, tzinfo=SHANGHAI)
    assert ends == datetime(2027, 1, 1, tzinfo=SHANGHAI)
