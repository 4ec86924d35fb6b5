"""A tenant's schema at once: the script that new stations are opened with, in place of their whole history.

The history makes a table and alters it again and again; every step of that is work on the catalogue, for each station
that opens. What comes of it is written as one script with each table as it ends. Files of the history that came after
the script are run behind it, so it may be older than the history, never other than it (tests/deploy/migrations).
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection, sql

from deploy.migrations.history import HERE, Migration, load
from kameng.infra.db import Roles
from tenants.registry.schemas import Script

FILE = "tenant_at_once.sql"
VERSION = re.compile(r"\A-- version: (\d+)\n")
HEAD = """\
-- version: {version}
-- Written by `python -m deploy.migrations` from the files of tenant/, which are the truth. Not to be edited.
"""

TABLES = """
    SELECT c.oid, c.relname, coalesce(array_to_string(c.reloptions, ', '), '') FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""
COLUMNS = """
    SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod),
           CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' ELSE '' END,
           coalesce(pg_get_expr(d.adbin, d.adrelid, true), ''), a.attnotnull
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
CONSTRAINTS = """
    SELECT conrelid, conname, pg_get_constraintdef(oid, true), confrelid FROM pg_constraint
    WHERE conrelid = ANY(%s) AND contype IN ('p', 'u', 'c', 'f') ORDER BY conrelid, strpos('pucf', contype), conname
"""
INDEXES = """
    SELECT i.indrelid, pg_get_indexdef(i.indexrelid, 0, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(%s) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
    ORDER BY i.indrelid, c.relname
"""
FUNCTIONS = """
    SELECT replace(pg_get_functiondef(oid), format('%I.', current_schema()), '') FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace ORDER BY proname
"""
VIEWS = """
    SELECT format('CREATE VIEW %I AS', relname), pg_get_viewdef(oid, true) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'v' ORDER BY relname
"""
TRIGGERS = """
    SELECT pg_get_triggerdef(oid, true) FROM pg_trigger WHERE tgrelid = ANY(%s) AND NOT tgisinternal ORDER BY tgname
"""


class Column(Struct, frozen=True):
    """`identity`: ALWAYS, BY DEFAULT or nothing."""

    name: str
    type: str
    identity: str
    default: str
    is_required: bool

    @property
    def definition(self) -> str:
        said = f" GENERATED {self.identity} AS IDENTITY" if self.identity else ""
        said += f" DEFAULT {self.default}" if self.default else ""
        return f"{self.name} {self.type}{said}{' NOT NULL' if self.is_required else ''}"

    @property
    def fills_itself(self) -> bool:
        """What the rows that a station begins with leave out: numbers, and the moment at which it was opened."""
        return bool(self.identity) or self.default == "now()"


class Table(Struct, frozen=True):
    """With the names of the tables that its foreign keys need, itself not counted."""

    name: str
    options: str
    columns: Sequence[Column]
    constraints: Sequence[str]
    needs: frozenset[str]

    @property
    def definition(self) -> str:
        lines = ",\n    ".join([*(column.definition for column in self.columns), *self.constraints])
        return f"CREATE TABLE {self.name} (\n    {lines}\n){f' WITH ({self.options})' if self.options else ''};"


def opening(roles: Roles, folder: Path = HERE) -> Script:
    """What stations are opened with: the script, and the files of the history that came after it. Raises
    `ValueError`."""
    history, written = load("tenant", folder), (folder / FILE).read_text(encoding="utf-8")
    said = VERSION.match(written)
    if said is None or int(said.group(1)) > len(history):
        raise ValueError(f"{FILE} says no version of the history, which has {len(history)}")
    version = int(said.group(1))
    return one_by_one(roles, [Migration(version, FILE, written), *history[version:]])


def one_by_one(roles: Roles, history: Sequence[Migration]) -> Script:
    """These files, one after another."""
    return Script(history[-1].version, b"\n".join(migration.for_roles(roles) for migration in history))


async def write(connection: AsyncConnection, version: int) -> str:
    """The script for the schema on the connection's search path, which was made by the first `version` files."""
    tables = await _tables(connection)
    oids = list(tables)
    parts = [HEAD.format(version=version)]
    parts += [table.definition for table in _needed_first(tables.values())]
    parts.append("\n".join(f"{row[1]};" for row in await _rows(connection, INDEXES, oids)))
    parts += [f"{head}\n{query}" for head, query in await _rows(connection, VIEWS)]
    parts += [f"{row[0].strip()};" for row in await _rows(connection, FUNCTIONS)]
    parts += [f"{row[0]};" for row in await _rows(connection, TRIGGERS, oids)]
    parts += [said for table in tables.values() if (said := await _contents(connection, table))]
    return "\n\n".join(parts) + "\n"


async def _tables(connection: AsyncConnection) -> dict[int, Table]:
    named = {oid: (name, options) for oid, name, options in await _rows(connection, TABLES)}
    columns: dict[int, list[Column]] = {oid: [] for oid in named}
    constraints: dict[int, list[str]] = {oid: [] for oid in named}
    needs: dict[int, set[str]] = {oid: set() for oid in named}
    for oid, *column in await _rows(connection, COLUMNS, list(named)):
        columns[oid].append(Column(*column))
    for oid, name, definition, other in await _rows(connection, CONSTRAINTS, list(named)):
        constraints[oid].append(f"CONSTRAINT {name} {definition}")
        if other and other != oid:
            needs[oid].add(named[other][0])
    return {
        oid: Table(name, options, columns[oid], constraints[oid], frozenset(needs[oid]))
        for oid, (name, options) in named.items()
    }


def _needed_first(tables: Iterable[Table]) -> list[Table]:
    """In their order, but none before those that its foreign keys name. Raises `ValueError` where these go round."""
    waiting, ordered, made = list(tables), list[Table](), set[str]()
    while waiting:
        free = next((table for table in waiting if table.needs <= made), None)
        if free is None:
            raise ValueError(f"foreign keys in a circle among {', '.join(table.name for table in waiting)}")
        waiting.remove(free)
        ordered.append(free)
        made.add(free.name)
    return ordered


async def _contents(connection: AsyncConnection, table: Table) -> str:
    """The rows that the history has put in, in the order of the first column; empty where there are none."""
    columns = [column.name for column in table.columns if not column.fills_itself]
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    said = sql.SQL(", ").join(sql.SQL("quote_nullable({})").format(sql.Identifier(name)) for name in columns)
    query = sql.SQL("SELECT concat_ws(', ', {}) FROM {} ORDER BY {}").format(
        said, sql.Identifier(table.name), sql.Identifier(table.columns[0].name)
    )
    rows = [f"    ({row[0]})" for row in await (await connection.execute(query)).fetchall()]
    head = f"INSERT INTO {table.name} ({listed.as_string(connection)}) VALUES\n"
    return head + ",\n".join(rows) + ";" if rows else ""


async def _rows(connection: AsyncConnection, query: str, *values: object) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode(), values or None)).fetchall()
