"""Percentiles and the printing of results."""

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` from 0 to 1. Raises `ValueError` without values."""
    if not sorted_values:
        raise ValueError("nothing was measured")
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def show(console: Console, results: Mapping[str, float], *, as_json: bool) -> None:
    """One JSON object, or a table."""
    if as_json:
        print(json.dumps(dict(results)))
        return
    table = Table("figure", "value")
    table.columns[1].justify = "right"
    for name, value in results.items():
        table.add_row(name, f"{value:,.2f}")
    console.print(table)
