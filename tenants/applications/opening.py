"""Making the station that was applied for. Runs at least once for each application, and opens one station."""

from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from kameng.audit import service as audit
from kameng.identity import staff
from kameng.identity.permissions import Role
from kameng.identity.staff import LoginTaken
from kameng.infra.runtime import Runtime
from tenants.applications import queries, service
from tenants.applications.errors import NotOpen
from tenants.applications.queries import Application
from tenants.domains import service as domains
from tenants.plans import subscriptions
from tenants.registry.errors import HostTaken, SlugTaken
from tenants.registry.provisioning import Provisioner
from tenants.registry.service import TenantDraft

log = structlog.get_logger()

SYSTEM = "system"
FEES = "openings"  # whose the master's revenue is, beside that of sales

OPEN = text(
    "UPDATE applications SET state = 'open', tenant_id = :tenant_id, state_since = now(), reason = '' WHERE id = :id"
)


async def open_station(runtime: Runtime, provisioner: Provisioner, application_id: UUID) -> None:
    """Opens the station, its owner's account and its plan; or asks the applicant for another name or login.

    Raises `CannotProvision`, `NotOpen` while no tier is set; then it is tried again.
    """
    async with runtime.database.master_session() as session:
        application = await queries.application(session, application_id)
        tier_id = (await queries.settings(session)).tier_id
        made = await queries.station_of(session, application)
        login_is_taken = await staff.is_taken(session, application.owner_login)
    if application.state != "opening":
        return
    if login_is_taken:
        await _block(runtime, application, "login_taken")
        return
    if tier_id is None:
        raise NotOpen
    tenant_id = made or await _make(runtime, provisioner, application, tier_id)
    if tenant_id is None:
        await _block(runtime, application, "slug_taken")
        return
    try:
        async with runtime.database.master_session() as session:
            await _hand_over(session, application_id, tenant_id)
    except LoginTaken:  # since we looked; the station waits for its owner
        await _block(runtime, application, "login_taken")
        return
    runtime.directory.forget()
    log.info("application_opened", application=str(application_id), tenant=tenant_id)


async def _make(runtime: Runtime, provisioner: Provisioner, application: Application, tier_id: int) -> int | None:
    """The new station's number, or None when the name is somebody else's."""
    draft = TenantDraft(
        slug=application.slug,
        name=application.name,
        tier_id=tier_id,
        hosts=[f"{application.slug}.{runtime.settings.station_domain}"],
        contact=application.email,
    )
    try:
        return await provisioner.open(draft)
    except (SlugTaken, HostTaken):
        async with runtime.database.master_session() as session:
            return await queries.station_of(session, application)


async def _hand_over(session: AsyncSession, application_id: UUID, tenant_id: int) -> None:
    """The second half, in one transaction: account, plan, fee. Whoever comes second finds it done."""
    application = await queries.application(session, application_id, lock=True)
    if application.state != "opening":
        return
    hashed = await queries.password_hash(session, application_id)
    await staff.create_hashed(session, application.owner_login, application.owner_name, hashed, tenant_id, Role.OWNER)
    plan = await subscriptions.give(session, tenant_id, application.plan_id)
    if application.fee_cents:
        lines = [
            Line(MASTER, "applicant", str(application_id), -application.fee_cents),
            Line(MASTER, "master_revenue", FEES, application.fee_cents),
        ]
        await ledger.post(session, f"opening-fee:{application_id}", "opening_fee", application.slug, lines)
    await domains.hosts_changed(session)
    await session.execute(OPEN, {"id": application_id, "tenant_id": tenant_id})
    detail = {"name": application.name, "slug": application.slug, "plan": plan.name, "login": application.owner_login}
    await audit.record(session, application.approved_by or SYSTEM, "applications.open", str(tenant_id), detail)


async def _block(runtime: Runtime, application: Application, reason: str) -> None:
    async with runtime.database.master_session() as session:
        await service.block(session, application.id, reason)
