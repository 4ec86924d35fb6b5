"""A station opened at once is the station that its history would have made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from msgspec import structs
from psycopg import AsyncConnection, sql

from billing.wholesale import service as wholesale
from deploy.migrations import at_once, history
from deploy.provisioning import provisioner
from kameng.core import ids
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import schema_of
from tenants.registry.schemas import Script
from tenants.registry.service import TenantDraft

# All that the catalogue knows of a schema, without the numbers of its objects; `%(role)s` is the station's own.
KNOWN = {
    "relations": """
        SELECT relname, relkind, relpersistence, reloptions, relrowsecurity, relforcerowsecurity, relreplident,
               replace(relacl::text, %(role)s, 'the role') AS acl, relowner::regrole::text, reltoastrelid <> 0
        FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s)
    """,
    "columns": """
        SELECT c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
               format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attcollation,
               a.attstorage, a.attcompression, a.attoptions, a.attacl, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = to_regnamespace(%(schema)s) AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, condeferrable, condeferred, convalidated, conindid::regclass,
               replace(pg_get_constraintdef(oid), %(schema)s || '.', '')
        FROM pg_constraint WHERE connamespace = to_regnamespace(%(schema)s)
    """,
    "indexes": """
        SELECT indrelid::regclass::text, replace(pg_get_indexdef(indexrelid), %(schema)s || '.', ''), indisunique,
               indisvalid, indisprimary, indisclustered, indisreplident
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = to_regnamespace(%(schema)s)
    """,
    "functions": """
        SELECT replace(pg_get_functiondef(oid), %(schema)s || '.', ''), proowner::regrole::text,
               replace(proacl::text, %(role)s, 'the role')
        FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
    """,
    "triggers": """
        SELECT replace(pg_get_triggerdef(t.oid), %(schema)s || '.', ''), tgenabled, tgisinternal
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = to_regnamespace(%(schema)s) AND NOT tgisinternal
    """,
    "views": """
        SELECT viewname, replace(definition, %(schema)s || '.', '') FROM pg_views WHERE schemaname = %(schema)s
    """,
    "sequences": """
        SELECT sequencename, data_type, start_value, min_value, max_value, increment_by, cycle, cache_size, last_value
        FROM pg_sequences WHERE schemaname = %(schema)s
    """,
    "rights": """
        SELECT replace(n.nspacl::text, %(role)s, 'the role'), n.nspowner::regrole::text, d.defaclobjtype,
               replace(d.defaclacl::text, %(role)s, 'the role')
        FROM pg_namespace n LEFT JOIN pg_default_acl d ON d.defaclnamespace = n.oid WHERE n.nspname = %(schema)s
    """,
    "the rest": """
        SELECT 'policy', polname::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = to_regnamespace(%(schema)s)
        UNION ALL
        SELECT 'rule', rulename FROM pg_rules WHERE schemaname = %(schema)s AND rulename <> '_RETURN'
        UNION ALL
        SELECT 'statistics', stxname FROM pg_statistic_ext WHERE stxnamespace = to_regnamespace(%(schema)s)
        UNION ALL
        SELECT 'type', typname FROM pg_type WHERE typnamespace = to_regnamespace(%(schema)s) AND typtype <> 'c'
            AND typcategory <> 'A'
        UNION ALL
        SELECT 'comment', description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
        WHERE c.relnamespace = to_regnamespace(%(schema)s)
    """,
}
MOST_TABLES = 60  # each stands in every station
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind = 'r'"
NOT_MOMENTS = """
    SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%(schema)s || '.' || %(table)s) AND attnum > 0
    AND NOT attisdropped AND atttypid <> 'timestamptz'::regtype ORDER BY attnum
"""


async def open_with(runtime: Runtime, script: Script) -> int:
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, ids.code(8))
    slug = f"o{ids.code(8).lower()}"
    draft = TenantDraft(slug=slug, name=slug, tier_id=tier.id, hosts=[f"{slug}.localhost"])
    return await structs.replace(provisioner(runtime.settings), script=script).open(draft)


async def known_of(runtime: Runtime, number: int) -> dict[str, Sequence[Any]]:
    """What is in the station's schema, and what is in its tables but moments."""
    maker = provisioner(runtime.settings)
    names = {"schema": schema_of(number), "role": maker.roles.tenant(number)}
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, maker.roles)
        await connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema_of(number))))
        found: dict[str, Sequence[Any]] = {
            what: sorted(map(repr, await _rows(connection, query, names))) for what, query in KNOWN.items()
        }
        for (table,) in sorted(await _rows(connection, TABLES, names)):
            columns = [row[0] for row in await _rows(connection, NOT_MOMENTS, names | {"table": table})]
            listed = sql.SQL(", ").join(map(sql.Identifier, columns))
            query = sql.SQL("SELECT {} FROM {} ORDER BY 1").format(listed, sql.Identifier(table))
            found[f"rows of {table}"] = await (await connection.execute(query)).fetchall()
    return found


async def _rows(connection: AsyncConnection, query: str, values: Mapping[str, str]) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode(), values)).fetchall()


async def test_the_script_makes_what_the_history_makes(runtime: Runtime) -> None:
    maker = provisioner(runtime.settings)
    one_by_one = await open_with(runtime, at_once.one_by_one(maker.roles, history.load("tenant")))
    written = await open_with(runtime, maker.script)

    expected, found = await known_of(runtime, one_by_one), await known_of(runtime, written)

    assert maker.version == len(history.load("tenant"))
    assert len(expected["columns"]) > 500
    assert sum(what.startswith("rows of") for what in expected) <= MOST_TABLES
    for what, rows in expected.items():
        assert found.pop(what) == rows, f"{what}: run python -m deploy.migrations"
    assert found == {}


async def test_files_that_came_after_the_script_are_run_behind_it(runtime: Runtime, tmp_path: Path) -> None:
    folder = copytree(history.HERE, tmp_path / "migrations")
    version = len(history.load("tenant")) + 1
    (folder / "tenant" / f"{version:04}_added.sql").write_text("CREATE TABLE added (id int);", encoding="utf-8")

    script = at_once.opening(provisioner(runtime.settings).roles, folder)
    number = await open_with(runtime, script)

    assert script.version == version
    assert (await known_of(runtime, number))["rows of added"] == []


@pytest.mark.parametrize("head", ["", "-- version: 9999\n"])
def test_a_script_of_no_known_version_is_refused(runtime: Runtime, tmp_path: Path, head: str) -> None:
    folder = copytree(history.HERE, tmp_path / "migrations")
    (folder / at_once.FILE).write_text(f"{head}SELECT 1;", encoding="utf-8")

    with pytest.raises(ValueError, match="says no version of the history"):
        at_once.opening(provisioner(runtime.settings).roles, folder)
