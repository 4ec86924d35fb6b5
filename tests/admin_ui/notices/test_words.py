"""Every kind of notice has a sentence and a place where it can be mended; every outcome has a word."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from admin_ui.notices import words
from admin_ui.vocabulary import codes, states
from kameng.infra import messenger
from kameng.web.i18n.extraction import ROOT, SOURCES
from tenants.notices.kinds import MASTER, STATION, Kind, Severity
from tenants.notices.queries import Notice
from tenants.notices.rules import Held, Rules

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")


def notice(kind: Kind) -> Notice:
    return Notice(1, kind.code, "7", {"name": "N", "cents": 100}, NOW)


@pytest.mark.parametrize("kind", STATION, ids=lambda kind: kind.code)
def test_every_kind_of_a_station_is_told_with_a_way_to_mend_it(kind: Kind) -> None:
    told = words.say(notice(kind))

    assert told is not None
    assert told.text
    assert told.href.startswith("/console/")


@pytest.mark.parametrize("kind", MASTER, ids=lambda kind: kind.code)
def test_every_kind_of_the_master_is_told_with_a_way_to_mend_it(kind: Kind) -> None:
    told = words.say_at_master(notice(kind))

    assert told is not None
    assert told.text
    assert not told.href.startswith("/console")


def test_every_kind_that_is_told_anywhere_stands_in_the_catalogue() -> None:
    told = set[str]()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(Path(path).read_bytes())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("tell", "tell_once"):
                    told |= {str(one.value) for one in node.args[1:2] if isinstance(one, ast.Constant)}

    assert {"order_waits", "deposit_low", "deposit_short", "station_overdue"} <= told
    assert told - {kind.code for kind in (*STATION, *MASTER)} == set()


def test_every_outcome_has_words() -> None:
    said = set[str]()
    for node in ast.walk(ast.parse(Path(messenger.__file__).read_bytes())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Answer":
            said |= {str(one.value) for one in node.args[1:2] if isinstance(one, ast.Constant)}

    assert {"taken", "no_answer", "unreachable"} <= said
    assert said - set(codes.NOTICE_ANSWERS) == set()
    assert {"again", *map(str, messenger.Outcome)} - set(states.NOTICE_OUTCOMES) == set()


@pytest.mark.parametrize(
    ("rules", "severity", "due", "held"),
    [
        (Rules(), Severity.INFO, "23:30", ""),
        (Rules(quiet_from=22, quiet_to=8), Severity.URGENT, "23:30", ""),
        (Rules(quiet_from=22, quiet_to=8), Severity.WARNING, "08:00", "quiet"),
        (Rules(quiet_from=0, quiet_to=8), Severity.WARNING, "23:30", ""),
        (Rules(digest="hour"), Severity.INFO, "00:00", "digest"),
        (Rules(digest="hour"), Severity.WARNING, "23:30", ""),
        (Rules(digest="hour", quiet_from=22, quiet_to=7), Severity.INFO, "07:00", "digest"),
        (Rules(digest="day"), Severity.INFO, "09:00", "digest"),
        (Rules(digest="day", quiet_from=8, quiet_to=10), Severity.INFO, "10:00", "digest"),
    ],
)
def test_when_a_notice_goes_out_is_said_by_the_rules_of_its_channel(
    rules: Rules, severity: Severity, due: str, held: Held
) -> None:
    at, why = rules.due(severity, NOW, SHANGHAI)

    assert (f"{at.astimezone(SHANGHAI):%H:%M}", why) == (due, held)
    assert at >= NOW
