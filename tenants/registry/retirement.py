"""The end of a station: schema, role, key and hosts go, the ledger stays, and a certificate says what there was.

All of it is one transaction of the administrator's, so a station is either whole or gone.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg import sql
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import KamengError
from kameng.infra.admin import owner_session
from kameng.infra.db import roles_of
from kameng.infra.driver import driver
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import schema_of
from kameng.web.pages import iso
from tenants.domains import service as domains
from tenants.registry import schemas
from tenants.registry.errors import (
    GraceLasts,
    MoneyCollected,
    NotInThisState,
    PayoutWaits,
    StationGone,
    StillBuying,
)
from tenants.registry.provisioning import By
from tenants.registry.states import State

# Of every table of the master that has a column tenant_id it is said here whether a station's rows go or stay;
# tests/tenants/registry sees to it that none is forgotten.
RELEASED = ("hosts", "host_claims", "card_held")  # so that others may have them
CLEARED = (
    "memberships",
    "invitations",
    "delegations",
    "roles",  # which those before refer to
    "special_prices",
    "price_preview_lines",
    "plan_usage",
    "settlement_terms",
    "flag_policies",
    "flag_choices",
    "migration_failures",
    "order_deadlines",
    "outbox",
)
KEPT = {
    "audit_log": "append-only",
    "ledger_accounts": "money is never forgotten",
    "ledger_transfers": "money is never forgotten",
    "ledger_entries": "money is never forgotten",
    "ledger_daily": "sums of what is never forgotten",
    "payouts": "what was paid out, and where to",
    "collect_refunds": "what gateways gave back of collected money",
    "card_issued": "what the master's own cards were sold for",
    "purchases": "reconciled with suppliers",
    "sold_ahead": "what purchases were paid for with",
    "plan_periods": "what was charged for",
    "applications": "what was paid for its opening",
    "price_change_lines": "who changed prices, and why",
    "price_history": "append-only",
    "tier_reviews": "why it was in its tier",
    "visits": "who of the master was in its console, and why",
    "station_import_lines": "what an operator sent",
    "closing_certificates": "made here",
}

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '3s'"
HELD = text("SELECT * FROM tenants WHERE id = :id FOR UPDATE")
IS_BUYING = text("SELECT EXISTS (SELECT 1 FROM purchases WHERE tenant_id = :id AND state IN ('submitted', 'unknown'))")
PAYOUT_WAITS = text("SELECT EXISTS (SELECT 1 FROM payouts WHERE tenant_id = :id AND state = 'requested')")
HAS_COLLECTED = text(
    "SELECT EXISTS (SELECT 1 FROM ledger_accounts WHERE tenant_id = :id AND kind = 'collected' AND balance_cents > 0)"
)
# What its unpaid orders held of the master's cards. A card that was imported again meanwhile is in the pool already.
FREE_CARDS = text(
    """
    WITH freed AS (DELETE FROM card_held WHERE tenant_id = :id RETURNING *)
    INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id, label)
    SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label FROM freed
    ON CONFLICT (item_id, fingerprint) DO NOTHING
    """
)
TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema ORDER BY tablename")
# Accounts by kind with the sum of their entries, which for wallets and the deposit is their balance.
BALANCES = text(
    """
    SELECT a.kind, count(DISTINCT a.id)::int AS accounts, coalesce(sum(e.amount_cents), 0)::bigint AS cents
    FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id
    WHERE a.tenant_id = :id GROUP BY a.kind ORDER BY a.kind
    """
)
CERTIFY = text(
    "INSERT INTO closing_certificates (tenant_id, document, sha256, made_at) VALUES (:id, :document, :sha256, :at)"
)
DESTROY_KEY = text("DELETE FROM data_keys WHERE scope = :scope")
CLOSED = text("UPDATE tenants SET state = 'closed', closing_until = NULL, state_since = :at WHERE id = :id")


async def retire(runtime: Runtime, tenant_id: int, by: By, *, at_once: bool = False) -> str:
    """Ends a closing station whose grace period is over, or `at_once`. Returns the certificate's SHA-256 in hex.

    Raises `StationGone`, `NotInThisState`, `GraceLasts`, `StillBuying`, `PayoutWaits`, `MoneyCollected`; psycopg's and
    SQLAlchemy's `OperationalError` when somebody is still at work in the schema: try again.
    """
    now = clock.now()
    async with owner_session(runtime.settings) as session:
        await session.execute(text(LOCK_TIMEOUT))
        station = (await session.execute(HELD, {"id": tenant_id})).one_or_none()
        await _check(session, station, now, at_once=at_once)
        assert station is not None  # noqa: S101 - `_check` has seen to it
        document = await _document(session, station, now)
        sha256 = hashlib.sha256(document).hexdigest()
        values = {"id": tenant_id, "document": document.decode(), "sha256": sha256, "at": now}
        await session.execute(CERTIFY, values)
        await domains.release(session, tenant_id)
        await session.execute(FREE_CARDS, {"id": tenant_id})
        for table in CLEARED:
            await session.execute(text(f"DELETE FROM {table} WHERE tenant_id = :id"), {"id": tenant_id})  # noqa: S608 - names of ours
        await session.execute(DESTROY_KEY, {"scope": schema_of(tenant_id)})
        await session.execute(CLOSED, {"id": tenant_id, "at": now})
        await schemas.drop(driver(session), roles_of(runtime.settings), tenant_id)
        detail = {"name": station.name, "reason": station.state_reason, "sha256": sha256}
        await audit.record(session, by.name, "stations.retire", str(tenant_id), detail, by.address)
    runtime.directory.forget()
    runtime.keyring.forget(tenant_id)
    return sha256


async def _check(session: AsyncSession, station: Row[Any] | None, now: datetime, *, at_once: bool) -> None:
    if station is None:
        raise StationGone
    if station.state != State.CLOSING:
        raise NotInThisState
    if station.closing_until > now and not at_once:
        raise GraceLasts(until=iso(station.closing_until))
    for obstacle in await obstacles(session, station.id):
        raise obstacle


async def obstacles(session: AsyncSession, tenant_id: int) -> list[KamengError]:
    """What keeps a station from being ended, whether its time is over or not."""
    known: Sequence[tuple[TextClause, type[KamengError]]] = (
        (IS_BUYING, StillBuying),
        (PAYOUT_WAITS, PayoutWaits),
        (HAS_COLLECTED, MoneyCollected),
    )
    return [error() for is_there, error in known if (await session.execute(is_there, {"id": tenant_id})).scalar_one()]


async def _document(session: AsyncSession, station: Row[Any], now: datetime) -> bytes:
    """Canonical JSON: keys sorted, no spaces, times in UTC."""
    balances = await session.execute(BALANCES, {"id": station.id})
    said = {
        "tenant": station.id,
        "slug": station.slug,
        "name": station.name,
        "opened": iso(station.created_at),
        "closed": iso(now),
        "by": station.closing_by,
        "reason": station.state_reason,
        "schema_version": station.version,
        "rows": await _rows(session, schema_of(station.id)),
        "ledger": {row.kind: {"accounts": row.accounts, "cents": row.cents} for row in balances},
    }
    return msgspec.json.encode(said, order="deterministic")


async def _rows(session: AsyncSession, schema: str) -> dict[str, int]:
    """Rows by table, all tables locked first, so that what is counted is what is dropped."""
    tables = [row.tablename for row in await session.execute(TABLES, {"schema": schema})]
    connection = driver(session)
    for table in tables:
        await connection.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(schema, table))
        )
    counted: dict[str, int] = {}
    for table in tables:
        found = await connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
        (counted[table],) = await found.fetchone() or (0,)
    return counted
