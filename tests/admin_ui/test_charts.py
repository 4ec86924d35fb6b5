"""Options of charts, and the days they are about."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from admin_ui import charts
from admin_ui.days import midnight

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_hours_that_had_nothing_are_zero_and_hours_to_come_are_left_out() -> None:
    option = charts.by_hour([(9, 4)], [(9, 2), (23, 7)], now=10, today_name="Today", before_name="Yesterday")

    today, before = option["series"]
    assert (today["name"], before["name"]) == ("Today", "Yesterday")
    assert today["data"] == [0] * 9 + [4, 0] + [None] * 13
    assert before["data"] == [0] * 9 + [2] + [0] * 13 + [7]
    assert option["xAxis"]["data"][0] == "0:00"
    assert len(option["xAxis"]["data"]) == 24


def test_a_day_without_buyers_is_a_row_of_zeros() -> None:
    option = charts.by_hour([], [], now=23, today_name="a", before_name="b")

    assert [series["data"] for series in option["series"]] == [[0] * 24] * 2


def test_the_axis_begins_at_zero() -> None:
    assert charts.by_hour([(0, 5)], [], 0, "a", "b")["yAxis"]["min"] == 0


def test_a_day_begins_at_the_stations_own_midnight() -> None:
    late = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # half past midnight of the 23rd in Shanghai

    assert midnight(late, SHANGHAI) == datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert midnight(late, SHANGHAI, days_ago=1) == datetime(2026, 11, 21, 16, 0, tzinfo=UTC)


def test_midnight_is_right_on_a_day_of_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 10, 25, 20, 0, tzinfo=UTC)  # clocks went back at 3 in the morning

    assert midnight(evening, berlin) == datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
