"""Thirty histories through the front door: real processes, killed while buyers buy."""

import json
import os
import subprocess
import sys

from tests.support.processes import ROOT, SOURCES

PROGRAM = "from deploy.cli import main; main()"
HISTORIES = 30


def test_nothing_is_sold_twice_lost_or_charged_for_nothing_while_processes_are_killed() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, "chaos", "orders", "--histories", str(HISTORIES), "--json"],
        cwd=ROOT,
        env={**os.environ, **SOURCES},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert said.returncode == 0, said.stdout + said.stderr
    outcome = json.loads(said.stdout)
    assert outcome["violations"] == 0
    assert outcome["histories"] == HISTORIES
    assert outcome["orders"] > 10 * HISTORIES
    assert outcome["purchases"] > 5 * HISTORIES
    assert outcome["timeouts"] > 4 * HISTORIES
    assert set(outcome["kills"]) == {"web", "worker", "scheduler", "database", "cache"}
    assert {"delivered", "expired", "cancelled", "refunded"} <= set(outcome["states"])  # parts come in longer runs
