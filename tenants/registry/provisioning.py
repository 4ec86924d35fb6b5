"""Opening a whole station: the station itself, its opening deposit, its owner's account.

The station is made by the administrator's connection in one transaction, the rest by the master's in others.
What can be known beforehand is looked at first, so that nothing is made of a draft that cannot be finished;
should the second half fail nevertheless, the station stands without an owner, and its page offers to add one.
"""

from collections.abc import Sequence

import structlog
from msgspec import Struct

from billing.deposits import service as deposits
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity import passwords, staff
from kameng.identity.permissions import Role
from kameng.identity.staff import LoginTaken
from kameng.infra.admin import admin_connection
from kameng.infra.db import Roles
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from kameng.web.addresses import host_of
from kameng.web.i18n import N_
from tenants.registry import queries, service
from tenants.registry.errors import BadSlug, CannotProvision, HostTaken, SlugTaken
from tenants.registry.service import SLUG, TenantDraft

log = structlog.get_logger()


class Provisioner(Struct, frozen=True, kw_only=True):
    """What a new station is made with: `login` is the application's database role, `schema_sql` the whole
    history of a tenant's schema.
    """

    settings: Settings
    roles: Roles
    login: str
    schema_sql: Sequence[bytes]

    async def open(self, draft: TenantDraft) -> int:
        """Makes the station. Raises `BadSlug`, `SlugTaken`, `HostTaken`, `CannotProvision`."""
        if not self.settings.admin_url:
            raise CannotProvision
        async with admin_connection(self.settings) as connection:
            return await service.open_tenant(connection, self.roles, self.login, draft, self.schema_sql)


class Owner(Struct, frozen=True):
    """The first account of a station's staff."""

    login: str
    name: str
    password: str


class By(Struct, frozen=True):
    """Who opens it, for the audit log."""

    name: str
    address: str


class Opened(Struct, frozen=True):
    """The new station's number, and whether its owner has an account."""

    tenant_id: int
    has_owner: bool


async def open_station(
    runtime: Runtime, provisioner: Provisioner, draft: TenantDraft, owner: Owner, deposit_cents: int, by: By
) -> Opened:
    """Raises `Invalid` with every field at fault (of the draft, `owner_login`, `owner_password`), and what
    `Provisioner.open` raises when another was first; then nothing was made."""
    await _check(runtime, draft, owner)
    tenant_id = await provisioner.open(draft)
    runtime.directory.forget()
    async with runtime.database.master_session() as session:
        if deposit_cents:
            await deposits.pay_in(session, tenant_id, deposit_cents, "opening")
        detail = {
            "slug": draft.slug,
            "name": draft.name,
            "hosts": list(draft.hosts),
            "deposit_cents": deposit_cents,
        }
        await audit.record(session, by.name, "stations.open", str(tenant_id), detail, by.address)
    return Opened(tenant_id, await _add_owner(runtime, tenant_id, owner, by))


async def _add_owner(runtime: Runtime, tenant_id: int, owner: Owner, by: By) -> bool:
    try:
        async with runtime.database.master_session() as session:
            await staff.create_staff(session, owner.login, owner.name, owner.password, tenant_id, Role.OWNER)
            detail = {"login": owner.login, "role": str(Role.OWNER)}
            await audit.record(session, by.name, "staff.add", str(tenant_id), detail, by.address)
    except LoginTaken:
        log.warning("station_without_owner", tenant=tenant_id)
        return False
    return True


async def _check(runtime: Runtime, draft: TenantDraft, owner: Owner) -> None:
    errors: dict[str, str] = {}
    async with runtime.database.master_session() as session:
        taken = await queries.taken(session, draft.slug, draft.hosts, draft.tier_id)
        login_is_taken = await staff.is_taken(session, owner.login)
    if not SLUG.fullmatch(draft.slug):
        errors["slug"] = BadSlug.message
    elif taken.slug:
        errors["slug"] = SlugTaken.message
    if any(host_of(host) != host for host in draft.hosts):
        errors["hosts"] = N_("A host is a name such as shop.example.com, without http:// and port.")
    elif len(set(draft.hosts)) < len(draft.hosts):
        errors["hosts"] = N_("A host is named twice.")
    elif taken.hosts or runtime.settings.master_host in draft.hosts:
        errors["hosts"] = HostTaken.message
    if taken.tier_id:
        errors["tier_id"] = N_("Choose one of the list.")
    if login_is_taken:
        errors["owner_login"] = LoginTaken.message
    try:
        passwords.check_new(owner.password, "owner_password")
    except Invalid as weak:
        errors |= weak.errors
    if errors:
        raise Invalid(errors)
