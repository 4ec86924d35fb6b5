"""Posting to the ledger from the master's side. Tenants post through the functions of 0002_ledger and 0003_supply."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger.errors import refusals
from kameng.infra.db import guard_commit

POST = text(
    """
    SELECT transfer, replayed FROM master_post(
        CAST(:tenant AS int), :key, :kind, :ref, CAST(:tenants AS int[]), CAST(:kinds AS text[]),
        CAST(:owners AS text[]), CAST(:amounts AS bigint[]))
    """
)


MASTER = 0  # as a tenant: the master's own accounts


class Line(Struct, frozen=True):
    """One side of a transfer. `tenant` `MASTER` is the master's own account; positive cents are a credit."""

    tenant: int
    kind: str
    owner: str
    cents: int


class Posted(Struct, frozen=True):
    transfer: int
    replayed: bool  # this key had been posted before; nothing was changed


async def post(
    session: AsyncSession, key: str, kind: str, ref: str, lines: Sequence[Line], tenant: int = MASTER
) -> Posted:
    """Posts one transfer in a master session. The same `key` is the same transfer: a repeat changes nothing.

    Lines sum to zero, or the commit fails. The commit raises `WalletTooLow` or `DepositTooLow` when a balance does not
    cover its line; a key that was used for something else raises `KeyReused` at once.
    """
    guard_commit(session, refusals)
    with refusals():
        return await _post(session, key, kind, ref, lines, tenant)


async def _post(session: AsyncSession, key: str, kind: str, ref: str, lines: Sequence[Line], tenant: int) -> Posted:
    row = await session.execute(
        POST,
        {
            "tenant": tenant,
            "key": key,
            "kind": kind,
            "ref": ref,
            "tenants": [line.tenant for line in lines],
            "kinds": [line.kind for line in lines],
            "owners": [line.owner for line in lines],
            "amounts": [line.cents for line in lines],
        },
    )
    return Posted(*row.one())
