"""The audit log is chained by hash: whatever is done to it behind our back is found."""

import ast
import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kameng.audit import chain, service
from kameng.audit.chain import Head, Kind
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import sqlstate
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.i18n.extraction import ROOT, SOURCES
from tests.kameng.audit.conftest import Tamper, verdict_on, write
from tests.support.house import open_shop

APPEND_ONLY, REFUSED = "KM403", "42501"


async def test_an_untouched_log_is_sound_and_its_head_is_its_last_line(runtime: Runtime, log: Tenant) -> None:
    verdict = await verdict_on(runtime, log)

    assert (verdict.is_sound, verdict.lines) == (True, 9)
    async with log.begin() as session:
        row = await session.execute(text("SELECT encode(hash, 'hex') FROM audit_log ORDER BY seq DESC LIMIT 1"))
        assert verdict.heads == [Head(log.id, 9, row.scalar_one())]


async def test_what_was_before_and_after_is_kept(log: Tenant) -> None:
    async with log.begin() as session:
        row = (await session.execute(text("SELECT before, after FROM audit_log WHERE seq = 1"))).one()

    assert tuple(row) == ({"price": "10.00"}, {"price": "12.00"})


@pytest.mark.parametrize(
    ("done", "kind", "seq"),
    [
        ("UPDATE master.audit_log SET detail = '{{}}' WHERE {mine} = 4", Kind.CHANGED, 4),
        ("UPDATE master.audit_log SET actor = 'somebody else' WHERE {mine} = 1", Kind.CHANGED, 1),
        ("UPDATE master.audit_log SET after = NULL WHERE {mine} = 9", Kind.CHANGED, 9),
        ("UPDATE master.audit_log SET at = at - interval '1 day' WHERE {mine} = 5", Kind.CHANGED, 5),
        ("DELETE FROM master.audit_log WHERE {mine} = 5", Kind.MISSING, 5),
        ("DELETE FROM master.audit_log WHERE {mine} = 1", Kind.MISSING, 1),
        ("DELETE FROM master.audit_log WHERE {mine} > 6", Kind.MISSING, 7),
        ("DELETE FROM master.audit_log WHERE {mine} > 0", Kind.MISSING, 1),
        ("UPDATE master.audit_heads SET hash = sha256('x') WHERE chain = {n}", Kind.HEAD, 9),
        ("UPDATE master.audit_heads SET seq = 8 WHERE chain = {n}", Kind.HEAD, 9),
        ("DELETE FROM master.audit_heads WHERE chain = {n}", Kind.HEAD, 9),
    ],
)
async def test_tampering_is_found_at_its_first_line(
    runtime: Runtime, log: Tenant, tamper: Tamper, done: str, kind: Kind, seq: int
) -> None:
    await tamper(done.format(n=log.id, mine=f"tenant_id = {log.id} AND seq"))

    (fault,) = (await verdict_on(runtime, log)).faults
    assert (fault.kind, fault.seq, fault.chain) == (kind, seq, log.id)


SWAP = """
DO $$
DECLARE
    fourth bytea := (SELECT hash FROM master.audit_log WHERE tenant_id = {n} AND seq = 4);
    eighth bytea := (SELECT hash FROM master.audit_log WHERE tenant_id = {n} AND seq = 8);
BEGIN
    UPDATE master.audit_log SET seq = seq + 100 WHERE tenant_id = {n} AND seq IN (4, 8);
    UPDATE master.audit_log SET seq = 112 - seq WHERE tenant_id = {n} AND seq > 100;
    IF {hashes_stay} THEN
        UPDATE master.audit_log SET hash = CASE seq WHEN 4 THEN fourth ELSE eighth END
            WHERE tenant_id = {n} AND seq IN (4, 8);
    END IF;
END $$
"""


@pytest.mark.parametrize("hashes_stay", [False, True])
async def test_lines_that_changed_places_are_found(
    runtime: Runtime, log: Tenant, tamper: Tamper, hashes_stay: bool
) -> None:
    await tamper(SWAP.format(n=log.id, hashes_stay=hashes_stay))

    (fault,) = (await verdict_on(runtime, log)).faults
    assert (fault.kind, fault.seq) == (Kind.MOVED, 4)
    assert fault.said == "line 4 stands at the place of line 8"


REWRITE = """
DO $$
DECLARE
    l master.audit_log;
    h bytea := decode(repeat('00', 32), 'hex');
BEGIN
    UPDATE master.audit_log SET actor = 'nobody' WHERE tenant_id = %(n)s AND seq = 3;
    FOR l IN SELECT * FROM master.audit_log WHERE tenant_id = %(n)s ORDER BY seq LOOP
        h := sha256(h || master.audit_content(l));
        UPDATE master.audit_log SET hash = h WHERE id = l.id;
    END LOOP;
    UPDATE master.audit_heads SET hash = h WHERE chain = %(n)s;
END $$
"""


async def test_a_chain_that_was_written_anew_is_found_by_an_earlier_print_of_its_head(
    runtime: Runtime, log: Tenant, tamper: Tamper
) -> None:
    kept = (await verdict_on(runtime, log)).heads
    await tamper(REWRITE.replace("%(n)s", str(log.id)))
    await write(log, "10")

    assert (await verdict_on(runtime, log)).is_sound  # in itself
    async with runtime.database.master_session() as session:
        (fault,) = (await chain.verify(session, chain=log.id, earlier=kept)).faults
    assert (fault.kind, fault.seq) == (Kind.REWRITTEN, 9)


async def test_a_tail_that_was_cut_off_with_its_head_is_found_by_an_earlier_print(
    runtime: Runtime, log: Tenant, tamper: Tamper
) -> None:
    kept = (await verdict_on(runtime, log)).heads
    await tamper(
        f"DELETE FROM master.audit_log WHERE tenant_id = {log.id} AND seq > 7;"  # noqa: S608
        f"UPDATE master.audit_heads SET seq = 7, hash = (SELECT hash FROM master.audit_log WHERE tenant_id = {log.id}"
        f" AND seq = 7) WHERE chain = {log.id}"
    )

    async with runtime.database.master_session() as session:
        (fault,) = (await chain.verify(session, chain=log.id, earlier=kept)).faults
    assert (fault.kind, fault.seq) == (Kind.MISSING, 9)


async def test_a_part_is_verified_from_the_line_before_it(runtime: Runtime, log: Tenant, tamper: Tamper) -> None:
    await tamper(f"UPDATE master.audit_log SET actor = 'x' WHERE tenant_id = {log.id} AND seq = 2")  # noqa: S608

    part, whole = await verdict_on(runtime, log, last=5), await verdict_on(runtime, log)
    assert (part.lines, part.is_sound, whole.is_sound) == (5, True, False)
    await tamper(f"UPDATE master.audit_log SET actor = 'x' WHERE tenant_id = {log.id} AND seq = 8")  # noqa: S608
    assert [fault.seq for fault in (await verdict_on(runtime, log, last=5)).faults] == [8]


async def test_sixteen_writers_on_one_chain_keep_it_sound(runtime: Runtime, tenant: Tenant) -> None:
    async def write_five() -> None:
        for _ in range(5):
            await write(tenant, "x")

    await asyncio.gather(*(write_five() for _ in range(16)))

    verdict = await verdict_on(runtime, tenant)
    assert (verdict.is_sound, verdict.lines) == (True, 80)


async def test_a_writer_does_not_wait_for_another_stations_chain(runtime: Runtime, tenant: Tenant) -> None:
    other = (await open_shop(runtime)).tenant
    async with tenant.begin() as session:
        await service.record(session, "x", "staff.sign_in", "1")
        async with asyncio.timeout(30):  # with one chain for all it would wait for ever
            await write(other, "1")

    assert (await verdict_on(runtime, other)).lines == 1


async def test_a_line_that_is_rolled_back_leaves_no_gap(runtime: Runtime, tenant: Tenant) -> None:
    await write(tenant, "1")
    with pytest.raises(LookupError):
        async with tenant.begin() as session:
            await service.record(session, "x", "staff.sign_in", "1")
            raise LookupError
    await write(tenant, "2")

    verdict = await verdict_on(runtime, tenant)
    assert (verdict.is_sound, verdict.lines) == (True, 2)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE audit_log SET actor = 'x'", REFUSED),
        ("DELETE FROM audit_log", REFUSED),
        ("UPDATE audit_heads SET seq = seq + 1", REFUSED),
        ("INSERT INTO audit_heads VALUES (9, 1, 'x')", REFUSED),
        ("INSERT INTO audit_log (actor, action, subject, seq) VALUES ('x', 'x', 'x', 5)", REFUSED),
        ("INSERT INTO audit_log (actor, action, subject, at) VALUES ('x', 'x', 'x', now())", REFUSED),
        ("SELECT audit_content(l) FROM audit_log l", REFUSED),
    ],
)
async def test_the_master_itself_can_only_add_lines(runtime: Runtime, log: Tenant, statement: str, code: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with runtime.database.master_session() as session:
            await session.execute(text(statement))
    assert sqlstate(refused.value) == code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE master.audit_log SET actor = 'x'",
        "DELETE FROM master.audit_heads",
        "UPDATE master.audit_heads SET seq = 1",
        "TRUNCATE master.audit_heads",
        "TRUNCATE master.audit_log",
    ],
)
async def test_their_owner_is_stopped_by_the_triggers(runtime: Runtime, log: Tenant, statement: str) -> None:
    with pytest.raises(Exception, match="append-only") as refused:
        await as_owner(runtime, statement)
    assert getattr(refused.value, "sqlstate", "") == APPEND_ONLY


def test_a_line_is_the_last_thing_that_a_transaction_writes() -> None:
    """It locks the end of the chain until the commit: nobody is to wait meanwhile for anything else."""
    places = [
        (path, block)
        for folder in SOURCES
        for path in sorted((ROOT / folder).rglob("*.py"))
        for block in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(block, ast.AsyncWith) and any(map(records, ast.walk(block)))
    ]
    early = [f"{path.name}:{block.lineno}" for path, block in places if not ends_with_a_line(block.body)]

    assert len(places) > 20
    assert early == []


def records(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record"


def ends_with_a_line(body: list[ast.stmt]) -> bool:
    """Whether nothing is awaited after the first statement that records."""
    recording = next(number for number, one in enumerate(body) if any(map(records, ast.walk(one))))
    if any(isinstance(node, ast.Await | ast.AsyncWith) for one in body[recording + 1 :] for node in ast.walk(one)):
        return False
    inner = [part for part in ast.walk(body[recording]) if part is not body[recording] and isinstance(part, ast.If)]
    blocks = [one.body for one in (body[recording], *inner) if isinstance(one, ast.If)]
    return all(ends_with_a_line(block) for block in blocks if any(records(n) for s in block for n in ast.walk(s)))


async def as_owner(runtime: Runtime, statement: str) -> None:
    async with admin_connection(runtime.settings) as connection, connection.transaction():
        await become_owner(connection, runtime.database.roles)
        await connection.execute(statement.encode())
