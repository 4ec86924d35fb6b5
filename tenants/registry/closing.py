"""Suspending and closing stations as people ask for it: checked, audited, told to this process's directory."""

from datetime import timedelta

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import begin_as
from kameng.web.i18n import N_
from tenants.orders import queries as orders
from tenants.registry import life, queries
from tenants.registry.errors import StationClosed
from tenants.registry.life import Moved
from tenants.registry.provisioning import By
from tenants.registry.queries import Station
from tenants.registry.states import State


class Farewell(Struct, frozen=True, kw_only=True):
    """What closing a station asks for: its name once more, why, and how many cents the person has accepted to be left
    in deposit and wallets.
    """

    name: str
    reason: str
    accepted_cents: int = 0


async def suspend(runtime: Runtime, tenant_id: int, reason: str, by: By) -> Moved:
    """Raises `StationGone`, `NotInThisState`."""
    async with runtime.database.master_session() as session:
        moved = await life.suspend(session, tenant_id, reason)
        detail = {"name": moved.name, "from": str(moved.before), "reason": reason}
        await audit.record(session, by.name, "stations.suspend", str(tenant_id), detail, by.address)
    runtime.directory.forget()
    return moved


async def resume(runtime: Runtime, tenant_id: int, by: By) -> Moved:
    """Raises `StationGone`, `NotInThisState`."""
    async with runtime.database.master_session() as session:
        moved = await life.resume(session, tenant_id)
        detail = {"name": moved.name, "to": str(moved.after)}
        await audit.record(session, by.name, "stations.resume", str(tenant_id), detail, by.address)
    runtime.directory.forget()
    return moved


async def close(runtime: Runtime, tenant_id: int, farewell: Farewell, by: By) -> Moved:
    """Begins the grace period. Raises `StationGone`, `NotInThisState`, and `Invalid` at `name` or `confirmed`."""
    grace = timedelta(days=runtime.settings.closing_days)
    async with runtime.database.master_session() as session:
        await _check(session, tenant_id, farewell)
        moved = await life.close(session, tenant_id, farewell.reason, by.name, grace)
        detail = {
            "name": moved.name,
            "from": str(moved.before),
            "reason": farewell.reason,
            "amount_cents": farewell.accepted_cents,
            "until": moved.closing_until,
        }
        await audit.record(session, by.name, "stations.close", str(tenant_id), detail, by.address)
    runtime.directory.forget()
    return moved


async def reopen(runtime: Runtime, tenant_id: int, by: By) -> Moved:
    """Undoes a closing. Raises `StationGone`, `NotInThisState`."""
    async with runtime.database.master_session() as session:
        moved = await life.reopen(session, tenant_id)
        detail = {"name": moved.name, "to": str(moved.after)}
        await audit.record(session, by.name, "stations.reopen", str(tenant_id), detail, by.address)
    runtime.directory.forget()
    return moved


async def open_orders(runtime: Runtime, station: Station) -> int:
    """Orders of a station that are not paid or not delivered yet. Raises `StationClosed`."""
    if station.state == State.CLOSED:
        raise StationClosed
    async with begin_as(runtime.database, station.id) as session:
        return sum((await orders.open_counts(session)).values())


async def _check(session: AsyncSession, tenant_id: int, farewell: Farewell) -> None:
    station = await queries.station(session, tenant_id)
    left = await queries.money_left(session, tenant_id)
    errors = {}
    if farewell.name != station.name:
        errors["name"] = N_("This is not its name.")
    if left.cents > farewell.accepted_cents:
        errors["confirmed"] = N_("Money is left in it. Look at the amounts and confirm them.")
    if errors:
        raise Invalid(errors)
