"""The SQL files: their order, what they ask of a tenant's schema, and what must not be written in them."""

import re
from pathlib import Path

import pytest

from deploy.migrations import history
from deploy.migrations.history import Migration, load, minimum_of

RELEASED = {"master": 4, "tenant": 1}  # written before these rules, and never edited
FILES = [(name, one) for name in ("master", "tenant") for one in load(name)]
NEW = [pytest.param(name, one, id=f"{name}/{one.name}") for name, one in FILES if one.version > RELEASED[name]]
TENANT = [pytest.param(one, id=one.name) for name, one in FILES if name == "tenant"]


def code_of(migration: Migration) -> str:
    """The SQL without comments and without texts in quotes."""
    return re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", " ", migration.sql, flags=re.DOTALL)


def write(folder: Path, *files: tuple[str, str]) -> None:
    (folder / "tenant").mkdir()
    for name, text in files:
        (folder / "tenant" / name).write_text(text, encoding="utf-8")


def test_a_gap_in_the_versions_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ("0001_a.sql", "SELECT 1;"), ("0003_b.sql", "SELECT 1;"))
    with pytest.raises(ValueError, match="not 1 to 2"):
        load("tenant", tmp_path)


@pytest.mark.parametrize(
    ("third", "minimum"),
    [("", 3), ("-- minimum: 2\n", 2), ("-- minimum: 1\n", 2), ("-- about something\n-- minimum: 2\nSELECT 1;", 2)],
)
def test_a_file_is_needed_to_serve_unless_it_says_otherwise(tmp_path: Path, third: str, minimum: int) -> None:
    write(tmp_path, ("0001_a.sql", ""), ("0002_b.sql", ""), ("0003_c.sql", third))
    assert minimum_of(load("tenant", tmp_path)) == minimum


@pytest.mark.parametrize("said", ["-- minimum: 0", "-- minimum: 2"])
def test_a_minimum_that_cannot_be_is_refused(tmp_path: Path, said: str) -> None:
    write(tmp_path, ("0001_a.sql", said))
    with pytest.raises(ValueError, match="its minimum is not 1 to 1"):
        minimum_of(load("tenant", tmp_path))


@pytest.mark.parametrize("migration", TENANT)
def test_a_tenants_file_names_no_schema(migration: Migration) -> None:
    assert re.findall(r"\b(?:master|public|pg_temp|tenant_\d+)\s*\.", code_of(migration)) == []


FORBIDDEN = {
    "ends the transaction that the runner holds": r"\b(?:COMMIT|ROLLBACK|START\s+TRANSACTION)\b|\bBEGIN\s*;",
    "cannot be part of a transaction": r"\bCONCURRENTLY\b|\bVACUUM\b|\bALTER\s+SYSTEM\b",
    "would outlive the transaction": r"(?<!LOCAL )\bSET\s+(?:ROLE|SESSION|search_path\s+TO)\b|\bTEMP(?:ORARY)?\b",
    "is not in PostgreSQL 15": (
        r"\b(?:uuidv7|uuidv4|any_value|json_table|json_scalar|json_serialize|random_normal|array_shuffle)\s*\("
        r"|\bNOT\s+ENFORCED\b|\bWITHOUT\s+OVERLAPS\b|\bVIRTUAL\b|\bRETURNING\s+(?:old|new)\.|\bpg_maintain\b"
    ),
}


@pytest.mark.parametrize("why", FORBIDDEN)
@pytest.mark.parametrize(("name", "migration"), NEW)
def test_nothing_is_written_that_cannot_run(name: str, migration: Migration, why: str) -> None:
    found = [match.group(0) for match in re.finditer(FORBIDDEN[why], code_of(migration), re.IGNORECASE)]
    assert found == [], f"{name}/{migration.name}: {found} {why}"


# What old programs, which still serve while schemas are migrated, would stumble over. See docs/migrations.md.
CONTRACTING = re.compile(
    r"\bDROP\s+(?:TABLE|COLUMN)\b|\bRENAME\b|\bALTER\s+COLUMN\s+\w+\s+(?:SET\s+DATA\s+)?TYPE\b"
    r"|\bADD\s+COLUMN\s+\w+(?:(?!,|;|\bDEFAULT\b|\bGENERATED\b).)*\bNOT\s+NULL(?![^,;]*\b(?:DEFAULT|GENERATED)\b)",
    re.IGNORECASE | re.DOTALL,
)


@pytest.mark.parametrize("migration", [one for one in TENANT if one.values[0].version > RELEASED["tenant"]])  # type: ignore[union-attr]  # a ParameterSet
def test_what_takes_away_says_why_no_program_needs_it(migration: Migration) -> None:
    found = CONTRACTING.search(code_of(migration))
    assert found is None or "-- contract:" in migration.sql, f"{migration.name}: {found}"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t RENAME a TO b",
        "ALTER TABLE t ALTER COLUMN a TYPE int",
        "ALTER TABLE t ADD COLUMN a int NOT NULL",
    ],
)
def test_the_rule_above_sees_what_takes_away(statement: str) -> None:
    assert CONTRACTING.search(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0",
        "ALTER TABLE t ADD COLUMN a int DEFAULT 0 NOT NULL",
        "ALTER TABLE t ADD COLUMN a int, ADD COLUMN b text",
        "CREATE TABLE t (a int NOT NULL)",
    ],
)
def test_the_rule_above_lets_additions_pass(statement: str) -> None:
    assert CONTRACTING.search(statement) is None


def test_released_files_stand_in_the_history() -> None:
    for name, count in RELEASED.items():
        assert len(load(name, history.HERE)) >= count


@pytest.mark.parametrize(("name", "migration"), NEW)
def test_functions_with_the_owners_rights_have_a_path_and_are_closed(name: str, migration: Migration) -> None:
    functions = re.findall(r"CREATE (?:OR REPLACE )?FUNCTION (.*?)\bAS\b", migration.sql, re.DOTALL)
    for head in functions:
        if "SECURITY DEFINER" in head:
            assert "SET search_path = pg_catalog, pg_temp" in " ".join(head.split()), f"{name}/{migration.name}: {head}"
    if "SECURITY DEFINER" in migration.sql:
        assert "FROM PUBLIC" in migration.sql, f"{name}/{migration.name}"
