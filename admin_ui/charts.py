"""Rows to ECharts options. Pure functions; names of series come translated, money stays in cents."""

from collections.abc import Sequence
from typing import Any

HOURS = range(24)
Hours = Sequence[tuple[int, int]]


def by_hour(today: Hours, before: Hours, now: int, today_name: str, before_name: str) -> dict[str, Any]:
    """Bars for the hours of today up to the hour `now`, a dashed line for the day before.

    `today` and `before` are `(hour from 0 to 23, value)` for hours that had any; the others are 0. Hours of
    today that have not begun are left out, so that they do not look like a collapse.
    """
    of_today, of_before = dict(today), dict(before)
    return {
        "xAxis": {"type": "category", "data": [f"{hour}:00" for hour in HOURS]},
        "yAxis": {"min": 0, "minInterval": 1},
        "series": [
            {
                "type": "bar",
                "name": today_name,
                "data": [of_today.get(hour, 0) if hour <= now else None for hour in HOURS],
            },
            {
                "type": "line",
                "name": before_name,
                "lineStyle": {"type": "dashed"},
                "symbol": "none",
                "data": [of_before.get(hour, 0) for hour in HOURS],
            },
        ],
    }
