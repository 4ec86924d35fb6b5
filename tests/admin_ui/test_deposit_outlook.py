"""What a station is told about its deposit."""

import pytest

from admin_ui.console.deposit import outlook
from kameng.web import i18n


@pytest.fixture(autouse=True)
def _in_english() -> None:
    i18n.use("en", "Asia/Shanghai")


@pytest.mark.parametrize(
    ("balance_cents", "week_cents", "tone", "text"),
    [
        (0, 0, "bad", "Nothing can be sold until you pay in"),
        (0, 7_000, "bad", "Nothing can be sold until you pay in"),
        (999, 7_000, "bad", "Lasts less than a day: pay in now"),
        (1_000, 7_000, "wait", "Lasts less than 3 days: pay in soon"),
        (2_999, 7_000, "wait", "Lasts less than 3 days: pay in soon"),
        (3_000, 7_000, "ok", "Lasts about 3 days"),
        (60_000, 7_000, "ok", "Lasts about 60 days"),
        (10**12, 7_000, "ok", "Lasts more than two months"),
        (5_000, 0, "", "No sales in the last 7 days"),
    ],
)
def test_a_deposit_is_measured_by_the_last_week(balance_cents: int, week_cents: int, tone: str, text: str) -> None:
    said = outlook(balance_cents, week_cents)

    assert (said.tone, said.text) == (tone, text)
