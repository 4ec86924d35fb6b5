"""The `kameng` command against the test worker's own servers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli.main import cli
from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.infra import settings as settings_door
from kameng.infra.settings import Settings
from tests.support.processes import ROOT, SOURCES

PROGRAM = "from deploy.cli import main; main()"


def kameng(settings: Settings | None, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a person would; without settings, with nothing but a wrong environment."""
    known = settings_door.to_environ(settings) if settings else {}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=ROOT,
        env={**os.environ, **SOURCES, **known, **environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_doctor_has_a_line_for_each_check(settings: Settings) -> None:
    said = kameng(settings, "doctor")

    assert said.returncode == 0, said.stdout + said.stderr
    names = [line.split()[1] for line in said.stdout.splitlines()]
    assert names == ["database", "redis", "migrations", "stations", "canary", "audit", "login", "clock", "disk"]


def test_doctor_says_what_is_bad_and_fails(settings: Settings) -> None:
    said = kameng(settings, "doctor", KAMENG_REDIS_URL="redis://127.0.0.1:1/0")

    assert said.returncode == 1
    assert "bad redis" in said.stdout
    assert "Traceback" not in said.stderr


def test_doctor_does_not_like_a_login_that_has_rights(settings: Settings) -> None:
    said = kameng(settings, "doctor", KAMENG_DATABASE_URL=settings.admin_url)

    assert said.returncode == 1
    assert "bad login" in said.stdout


def test_a_missing_variable_is_one_sentence(settings: Settings) -> None:
    said = kameng(None, "doctor", KAMENG_DATABASE_URL=settings.database_url)

    assert said.returncode == 1
    assert said.stderr.strip().endswith("is not set.")
    assert "KAMENG_REDIS_URL" in said.stderr


def test_a_station_is_opened_and_listed(settings: Settings) -> None:
    mark = ids.code(6).lower()
    assert kameng(settings, "migrate").returncode == 0
    no_tier = kameng(settings, "tenant", "create", f"shop-{mark}", "新店", "--tier", f"none {mark}")
    assert (no_tier.returncode, "There is no tier" in no_tier.stderr) == (1, True)

    kameng_tier(settings, mark)
    opened = kameng(
        settings, "tenant", "create", f"shop-{mark}", "新店", "--tier", mark, "--deposit", "12.34",
        "--owner", f"boss-{mark}", "--password", "long-enough-password",
    )  # fmt: skip
    again = kameng(settings, "tenant", "create", f"shop-{mark}", "新店", "--tier", mark)
    listed = kameng(settings, "tenant", "list")

    assert opened.returncode == 0, opened.stderr
    assert (again.returncode, "is taken" in again.stderr) == (1, True)
    assert "Traceback" not in again.stderr
    (line,) = [line for line in listed.stdout.splitlines() if f"shop-{mark}" in line]
    assert "¥12.34" in line


def test_a_stations_life_at_the_command_line(settings: Settings) -> None:
    slug = f"life-{ids.code(6).lower()}"
    kameng_tier(settings, slug)
    at_shell(settings, "tenant", "create", slug, "生死小店", "--tier", slug, "--deposit", "3.00")

    assert "is suspended" in at_shell(settings, "tenant", "suspend", slug, "--reason", "test")
    assert slug in at_shell(settings, "tenant", "list", "--state", "suspended")
    assert "生死小店 is active" in at_shell(settings, "tenant", "resume", slug)

    closing = ("tenant", "close", slug, "--reason", "test", "--yes")
    assert "--accept-money 3.00" in refused_at_shell(settings, *closing)
    assert f"undo: kameng tenant reopen {slug}" in at_shell(settings, *closing, "--accept-money", "3")
    assert "生死小店 is active" in at_shell(settings, "tenant", "reopen", slug)

    at_shell(settings, *closing, "--accept-money", "3")
    assert "The grace period lasts until" in refused_at_shell(settings, "tenant", "retire", slug, "--yes")
    assert "is gone" in at_shell(settings, "tenant", "retire", slug, "--now", "--yes")
    assert slug in at_shell(settings, "tenant", "list", "--state", "closed")


def test_what_is_wrong_with_a_new_station_is_said_at_the_command_line(settings: Settings) -> None:
    mark = ids.code(6).lower()
    kameng_tier(settings, mark)

    told = refused_at_shell(
        settings, "tenant", "create", f"Bad {mark}", "x", "--tier", mark, "--host", "shop.example.com"
    )

    assert "slug: A short name has" in told
    assert "hosts: Only names directly under" in told


def at_shell(settings: Settings, *words: str) -> str:
    """What a command that went well has printed, in one line. In this process, as a new one takes seconds to start."""
    done = CliRunner().invoke(cli, words, env={**settings_door.to_environ(settings), "COLUMNS": "200"})
    assert done.exit_code == 0, repr(done.exception)
    return " ".join(done.output.split())


def refused_at_shell(settings: Settings, *words: str) -> str:
    """The sentence with which a command is refused."""
    done = CliRunner().invoke(cli, words, env=settings_door.to_environ(settings))
    assert isinstance(done.exception, KamengError), done.output
    return str(done.exception)


def kameng_tier(settings: Settings, name: str) -> None:
    """There is no command for tiers; the master's console makes them."""
    program = (
        "import asyncio, sys\n"
        "from billing.wholesale import service\nfrom kameng.infra import settings\n"
        "from kameng.infra.runtime import running\n"
        "async def add(name):\n"
        "    async with running(settings.read()) as runtime, runtime.database.master_session() as session:\n"
        "        await service.add_tier(session, name)\n"
        "asyncio.run(add(sys.argv[1]))\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, name],
        cwd=ROOT,
        env={**os.environ, **SOURCES, **settings_door.to_environ(settings)},
        check=True,
    )


def test_an_operator_is_made_once(settings: Settings) -> None:
    login = f"op-{ids.code(6).lower()}"
    first = kameng(settings, "operator", "create", login, "--password", "long-enough-password")
    again = kameng(settings, "operator", "create", login, "--password", "long-enough-password")
    short = kameng(settings, "operator", "create", f"{login}-2", "--password", "short")

    assert first.returncode == 0, first.stderr
    assert f"{login} can sign in" in first.stdout
    assert again.returncode == short.returncode == 1
    assert "Traceback" not in again.stderr + short.stderr


@pytest.mark.xdist_group("browser")  # not beside the browser: both want the whole machine
def test_the_bench_prints_exactly_its_figures(settings: Settings) -> None:
    before = bench_folders()
    said = kameng(None, "bench", "orders", "--seconds", "1", "--clients", "4", "--json")

    assert said.returncode == 0, said.stderr
    assert bench_folders() == before
    figures = json.loads(said.stdout)
    assert list(figures) == ["orders_per_s", "p50_ms", "p95_ms", "p99_ms", "sql_limit_per_s", "ratio", "big_ratio"]
    assert all(value > 0 for value in figures.values())
    assert figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]


@pytest.mark.xdist_group("browser")
def test_the_bench_of_many_stations_prints_exactly_its_figures() -> None:
    before = bench_folders()
    said = kameng(None, "bench", "tenancy", "--tenants", "50", "--json")

    assert said.returncode == 0, said.stderr
    assert bench_folders() == before
    figures = json.loads(said.stdout)
    assert list(figures) == [
        "tenants", "provision_p50_ms", "provision_p95_ms", "provision_cold_p95_ms", "migrate_all_s", "migrate_noop_s",
        "backend_rss_mb", "backend_fresh_mb", "backends", "tables_per_tenant",
    ]  # fmt: skip
    assert all(value > 0 for value in figures.values())
    assert figures["tenants"] == 50
    assert figures["provision_p95_ms"] <= 2_000
    assert figures["migrate_noop_s"] <= 1
    assert figures["backend_rss_mb"] <= 150


def test_the_audit_log_is_verified_and_its_heads_kept(settings: Settings, tmp_path: Path) -> None:
    said = kameng(settings, "audit", "verify", "--master")
    kept = tmp_path / "heads.txt"
    kept.write_text(said.stdout, encoding="utf-8")
    again = kameng(settings, "audit", "verify", "--master", "--against", str(kept), "--json")

    assert said.returncode == 0, said.stderr
    assert "sound" in said.stderr
    found = json.loads(again.stdout)
    assert (again.returncode, found["ok"], found["faults"]) == (0, True, [])
    kept.write_text(again.stdout, encoding="utf-8")  # either of the two prints will do
    assert kameng(settings, "audit", "verify", "--against", str(kept)).returncode == 0


def test_an_earlier_print_that_does_not_fit_is_found(settings: Settings, tmp_path: Path) -> None:
    assert kameng(settings, "operator", "create", f"op-{ids.code(6).lower()}", "--password", "x" * 20).returncode == 0
    kept = tmp_path / "heads.txt"
    kept.write_text(f"master 1000000 {'ab' * 32}\n", encoding="utf-8")
    cut = kameng(settings, "audit", "verify", "--against", str(kept))
    kept.write_text("nonsense\n", encoding="utf-8")
    nonsense = kameng(settings, "audit", "verify", "--against", str(kept))

    assert (cut.returncode, "line 1000000, the last one of an earlier print, is missing" in cut.stderr) == (1, True)
    assert (nonsense.returncode, "Traceback" in nonsense.stderr) == (2, False)


def test_versions_are_shown_for_people_and_for_machines(settings: Settings) -> None:
    shown = kameng(settings, "migrate", "--status")
    found = json.loads(kameng(settings, "migrate", "--status", "--json").stdout)
    plan = kameng(settings, "migrate", "--dry-run")
    both = kameng(settings, "migrate", "--status", "--retry")

    assert shown.returncode == plan.returncode == 0, shown.stderr + plan.stderr
    assert f"master: version {found['master']} of {found['master_newest']}" in shown.stdout
    assert (found["behind"], found["failed"], found["failures"]) == (0, 0, [])
    assert plan.stdout.strip() == "Everything stands at the newest version."
    assert both.returncode == 2


def bench_folders() -> set[str]:
    """What measurements have left behind."""
    return {folder.name for folder in (ROOT / ".kameng" / "bench").glob("*")}
