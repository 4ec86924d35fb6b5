"""Rows to ECharts options. Pure functions; names of series come translated, money stays in cents."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tenants.aftersale.measures import Day
from tenants.desk.measures import Figures

HOURS = range(24)
Hours = Sequence[tuple[int, int]]
GAP = timedelta(hours=12)  # without a capture for so long, nobody knows what a competitor asked


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


def tickets_by_day(
    known: Sequence[Day], shown: Sequence[date], automatic_name: str, others_name: str
) -> dict[str, Any]:
    """Stacked bars: of the tickets of each day those that a template answered first, and the others. `known` are the
    days on which there were any."""
    counts = {one.day: (one.automatic, one.opened) for one in known}
    return _parts_by_day(counts, shown, "tickets", automatic_name, others_name)


def cases_by_day(
    known: Sequence[tuple[date, Figures]], shown: Sequence[date], alone_name: str, others_name: str
) -> dict[str, Any]:
    """Stacked bars: of the cases of each day those that were solved without a person, and the others. `known` are the
    days on which there were any."""
    counts = {day: (figures.alone, figures.opened) for day, figures in known}
    return _parts_by_day(counts, shown, "cases", alone_name, others_name)


def _parts_by_day(
    counts: Mapping[date, tuple[int, int]], shown: Sequence[date], stack: str, part_name: str, others_name: str
) -> dict[str, Any]:
    """`counts` are `(the part, all)` of a day; a day without any is a gap as wide as the others."""
    parts = [counts.get(day, (0, 0)) for day in shown]
    series = ((part_name, [part for part, _ in parts]), (others_name, [all_ - part for part, all_ in parts]))
    return {
        "xAxis": {"type": "category", "data": [f"{day:%m-%d}" for day in shown]},
        "yAxis": {"min": 0, "minInterval": 1},
        "series": [{"type": "bar", "stack": stack, "name": name, "data": values} for name, values in series],
    }


def week_heat(loads: Sequence[tuple[int, int]], day_names: Sequence[str]) -> dict[str, Any]:
    """A field for each hour of the week, the darker the more happened in it. `loads` are `(hour of the week, load)`
    where there was any; Monday stands on top."""
    known = dict(loads)
    last = len(day_names) - 1
    return {
        "xAxis": {"type": "category", "data": [f"{hour}:00" for hour in HOURS]},
        "yAxis": {"type": "category", "data": list(reversed(day_names))},
        "visualMap": {"show": False, "min": 0, "max": max(known.values(), default=1)},
        "series": [
            {
                "type": "heatmap",
                "data": [
                    [hour, last - day, known.get(day * len(HOURS) + hour, 0)]
                    for day in range(len(day_names))
                    for hour in HOURS
                ],
            }
        ],
    }


def prices(
    changes: Sequence[tuple[datetime, Decimal]],
    since: datetime,
    now: datetime,
    start: Decimal,
    rivals: Mapping[str, Sequence[tuple[datetime, datetime, Decimal]]],
    own_name: str,
) -> dict[str, Any]:
    """Steps of a product's price over time, and of what competitors asked, in cents.

    `changes` are moments and the price from then on, oldest first; `start` is the price at `since`. Of each rival
    `(first seen, last seen, price)`: where nothing was seen for a while there is a gap.
    """
    own = [(since, start), *((max(at, since), price) for at, price in changes)]
    points = [[_ms(at), _cents(price)] for at, price in [*own, (now, own[-1][1])]]
    series: list[dict[str, Any]] = [_steps(own_name, points, width=3)]
    for name, spells in rivals.items():
        seen: list[list[float | None]] = []
        before: datetime | None = None
        for first, last, price in spells:
            if before is not None and first - before > GAP:
                seen.append([_ms(before) + 1, None])
            seen += [[_ms(max(first, since)), _cents(price)], [_ms(last), _cents(price)]]
            before = last
        series.append(_steps(name, seen, width=1))
    return {"xAxis": {"type": "time", "min": _ms(since), "max": _ms(now)}, "yAxis": {"scale": True}, "series": series}


def _steps(name: str, points: Sequence[Sequence[float | None]], width: int) -> dict[str, Any]:
    return {
        "type": "line", "name": name, "step": "end", "symbol": "none", "lineStyle": {"width": width}, "data": points,
    }  # fmt: skip


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _cents(price: Decimal) -> float:
    """Parts of a cent are shown too."""
    return float(price * 100)
