"""Verifying the chain of the audit log. The database writes it (deploy/migrations/master/0012_audit_chain.sql); it is
computed again here, line by line, from the texts of the columns, so a database that lies about its functions is found.

Chain 0 is the master's, chain n that of tenant n. All is read from one snapshot.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.driver import driver

BEGINNING = bytes(32)
BATCH = 5_000

# A whole chain, or the part of each chain from its first line that is new enough, and the line before that.
LINES = """
    SELECT coalesce(l.tenant_id, 0), l.seq, l.id, l.hash,
        (extract(epoch FROM l.at) * 1000000)::bigint::text, l.actor, l.action, l.subject, l.address,
        l.detail::text, l.before::text, l.after::text
    FROM {begins} audit_log l {only} ORDER BY coalesce(l.tenant_id, 0), l.seq
"""
ONLY = "WHERE (%(chain)s::int IS NULL OR coalesce(l.tenant_id, 0) = %(chain)s)"
BEGINS = """(
        SELECT coalesce(tenant_id, 0) AS chain, min(seq) AS seq FROM audit_log
        WHERE {new} GROUP BY 1
    ) b JOIN"""
FROM_BEGINNING = "ON coalesce(l.tenant_id, 0) = b.chain AND l.seq >= b.seq - 1"
NEW_BY_TIME = "at >= %(since)s"
NEW_BY_COUNT = "id >= coalesce((SELECT id FROM audit_log ORDER BY id DESC OFFSET %(last)s - 1 LIMIT 1), 0)"

# Beside each head the line that it should be of: of chains without a head, and of heads without lines too.
HEADS = """
    SELECT coalesce(h.chain, c.chain), h.seq, h.hash, l.seq, l.hash
    FROM (
        WITH RECURSIVE chains AS (
            (SELECT coalesce(tenant_id, 0) AS chain FROM audit_log ORDER BY 1 LIMIT 1)
            UNION ALL
            SELECT (SELECT min(coalesce(tenant_id, 0)) FROM audit_log WHERE coalesce(tenant_id, 0) > chains.chain)
            FROM chains WHERE chains.chain IS NOT NULL
        ) SELECT chain FROM chains WHERE chain IS NOT NULL
    ) c FULL JOIN audit_heads h USING (chain)
    LEFT JOIN LATERAL (
        SELECT seq, hash FROM audit_log WHERE coalesce(tenant_id, 0) = coalesce(h.chain, c.chain)
        ORDER BY seq DESC LIMIT 1
    ) l ON true
    WHERE %(chain)s::int IS NULL OR coalesce(h.chain, c.chain) = %(chain)s
    ORDER BY 1
"""
AT = "SELECT hash FROM audit_log WHERE coalesce(tenant_id, 0) = %s AND seq = %s"


class Kind(StrEnum):
    """What is wrong with a chain."""

    CHANGED = "changed"  # a line is not what was written
    MOVED = "moved"  # a line stands at another's place
    MISSING = "missing"  # a line is not there
    HEAD = "head"  # the chain's head is not that of its last line
    REWRITTEN = "rewritten"  # sound in itself, but not the chain that was printed before


class Fault(Struct, frozen=True):
    """The first thing that is wrong with a chain: at its line `seq`, which is `id` in the log where it is there."""

    chain: int
    kind: Kind
    seq: int
    id: int | None
    said: str


class Head(Struct, frozen=True):
    """The last line of a chain; keep it elsewhere. `hash` is hexadecimal."""

    chain: int
    seq: int
    hash: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What verifying found. `lines` were looked at."""

    lines: int
    heads: list[Head]
    faults: list[Fault]

    @property
    def is_sound(self) -> bool:
        return not self.faults


class Line(Struct, frozen=True, gc=False):
    """One line as the database has it: `texts` from `at` to `after`."""

    chain: int
    seq: int
    id: int
    hash: bytes
    texts: tuple[str | None, ...]

    def hash_after(self, previous: bytes, seq: int) -> bytes:
        """What its hash must be as line `seq` after a line with the hash `previous`."""
        fields = (str(self.chain), str(seq), str(self.id), *self.texts)
        return hashlib.sha256(previous + b",".join(map(_field, fields))).digest()


def _field(text: str | None) -> bytes:
    if text is None:
        return b"-"
    written = text.encode()
    return b"%d:%b" % (len(written), written)


async def verify(
    session: AsyncSession,
    *,
    chain: int | None = None,
    since: datetime | None = None,
    last: int | None = None,
    earlier: Iterable[Head] = (),
) -> Verdict:
    """Goes through every chain, or only `chain`; from the lines at or after `since`, or with the `last` so many, or
    from the beginning. `earlier` heads, printed before, must still be in their chains.

    Must be the first thing that a master session does: all statements are to see the same log.
    """
    connection = driver(session)
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    lines, faults = 0, dict[int, Fault]()
    expected, previous, current = 1, BEGINNING, -1
    is_part = since is not None or last is not None
    async for line in _lines(connection, chain, since, last):
        if line.chain != current:
            current = line.chain
            expected, previous = (line.seq, line.hash) if is_part and line.seq > 1 else (1, BEGINNING)
            if expected > 1:  # the line before the part that was asked for
                expected += 1
                continue
        lines += 1
        if current not in faults and (fault := await _fault_at(connection, line, expected, previous)):
            faults[current] = fault
        expected, previous = line.seq + 1, line.hash
    heads = []
    async for head, fault in _heads(connection, chain):
        heads.append(head)
        if fault and head.chain not in faults:
            faults[head.chain] = fault
    for kept in earlier:
        if chain in (None, kept.chain) and kept.chain not in faults and (fault := await _differs(connection, kept)):
            faults[kept.chain] = fault
    return Verdict(lines=lines, heads=heads, faults=[faults[number] for number in sorted(faults)])


async def _lines(
    connection: AsyncConnection[Any], chain: int | None, since: datetime | None, last: int | None
) -> AsyncIterator[Line]:
    begins, only = "", ONLY
    if since is not None or last is not None:
        begins = BEGINS.format(new=NEW_BY_TIME if since is not None else NEW_BY_COUNT)
        only = f"{FROM_BEGINNING} {ONLY}"
    query = LINES.format(begins=begins, only=only)
    async with connection.cursor("audit_lines") as cursor:
        cursor.itersize = BATCH
        await cursor.execute(query.encode(), {"chain": chain, "since": since, "last": last})
        async for number, seq, line_id, hashed, *texts in cursor:
            yield Line(number, seq, line_id, hashed, tuple(texts))


async def _fault_at(connection: AsyncConnection[Any], line: Line, expected: int, previous: bytes) -> Fault | None:
    if line.seq == expected and line.hash_after(previous, expected) == line.hash:
        return None
    if line.seq > expected:
        return Fault(line.chain, Kind.MISSING, expected, None, f"line {expected} is missing; line {line.seq} follows")
    if line.seq < expected:
        return Fault(line.chain, Kind.MOVED, line.seq, line.id, f"line {line.seq} is there twice")
    true_place = await _place_of(connection, line, expected, previous)
    if true_place is not None:
        said = f"line {expected} stands at the place of line {true_place}"
        return Fault(line.chain, Kind.MOVED, expected, line.id, said)
    said = f"line {expected} (number {line.id}) is not what was written"
    return Fault(line.chain, Kind.CHANGED, expected, line.id, said)


async def _place_of(connection: AsyncConnection[Any], found: Line, seq: int, previous: bytes) -> int | None:
    """Where in its chain the line is that was written as line `seq`, if it only changed places: whether or not the
    hashes moved with the lines."""
    query = LINES.format(begins="", only=f"{ONLY} AND l.seq > %(seq)s")
    async with connection.cursor("audit_moved") as cursor:
        cursor.itersize = BATCH
        await cursor.execute(query.encode(), {"chain": found.chain, "seq": seq})
        async for number, its_seq, line_id, hashed, *texts in cursor:
            line = Line(number, its_seq, line_id, hashed, tuple(texts))
            if line.hash_after(previous, seq) in (line.hash, found.hash):
                return line.seq
    return None


async def _heads(connection: AsyncConnection[Any], chain: int | None) -> AsyncIterator[tuple[Head, Fault | None]]:
    cursor = await connection.execute(HEADS, {"chain": chain})
    for number, seq, hashed, last_seq, last_hash in await cursor.fetchall():
        head = Head(number, seq or 0, (hashed or b"").hex())
        if seq is None:
            said: str | None = "the chain has lines but no head"
        elif (last_seq or 0) < seq:
            said = f"the last lines are missing: the head is of line {seq}, the last line is {last_seq or 0}"
        elif last_seq > seq:
            said = f"the head is of line {seq}, the last line is {last_seq}"
        else:
            said = None if last_hash == hashed else f"the head does not match line {seq}"
        kind = Kind.MISSING if seq is not None and (last_seq or 0) < seq else Kind.HEAD
        place = (last_seq or 0) + 1 if kind is Kind.MISSING else last_seq or 0
        yield head, Fault(number, kind, place, None, said) if said else None


async def _differs(connection: AsyncConnection[Any], kept: Head) -> Fault | None:
    row = await (await connection.execute(AT, [kept.chain, kept.seq])).fetchone()
    if row is None:
        said = f"line {kept.seq}, the last one of an earlier print, is missing"
        return Fault(kept.chain, Kind.MISSING, kept.seq, None, said)
    if row[0].hex() == kept.hash:
        return None
    said = f"line {kept.seq} is not the one of an earlier print: the chain was written anew"
    return Fault(kept.chain, Kind.REWRITTEN, kept.seq, None, said)


def heads_in(printed: str) -> list[Head]:
    """Heads from what `kameng audit verify` printed. Raises `ValueError` with the line that is none."""
    heads = []
    for line in printed.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            name, seq, hashed = line.split()
            heads.append(Head(chain_number(name), int(seq), bytes.fromhex(hashed).hex()))
        except ValueError:
            raise ValueError(f"not the head of a chain: {line[:80]}") from None
    return heads


def chain_name(number: int) -> str:
    return str(number) if number else "master"


def chain_number(name: str) -> int:
    return 0 if name == "master" else int(name)


def as_json(verdict: Verdict) -> Mapping[str, object]:
    """The verdict for machines, chains by name."""
    return {
        "ok": verdict.is_sound,
        "lines": verdict.lines,
        "chains": [{"chain": chain_name(one.chain), "seq": one.seq, "hash": one.hash} for one in verdict.heads],
        "faults": [
            {"chain": chain_name(one.chain), "kind": str(one.kind), "seq": one.seq, "id": one.id, "said": one.said}
            for one in verdict.faults
        ],
    }
