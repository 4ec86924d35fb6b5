"""Opening a whole station: the station itself, its domains, its opening deposit, its owner's account or invitation; in
one commit.

The schema comes from the pool, so that the master's own rights suffice and a commit is all it takes. An empty pool is
filled by the administrator's connection first, which is slower; a schema that is then not used stays in the pool.
"""

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.deposits import service as deposits
from kameng.audit import service as audit
from kameng.core.errors import Invalid, KamengError
from kameng.identity import invitations, passwords, staff
from kameng.identity.invitations import Invited
from kameng.identity.permissions import Role
from kameng.identity.staff import LoginTaken
from kameng.infra import outbox
from kameng.infra.admin import admin_connection
from kameng.infra.db import Roles
from kameng.infra.driver import driver
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from kameng.infra.tenancy import as_place
from kameng.web.addresses import host_of
from kameng.web.i18n import N_, of_error
from tenants.domains import service as domains
from tenants.domains.errors import DomainTaken
from tenants.registry import queries, schemas, service
from tenants.registry.errors import BadSlug, CannotProvision, HostTaken, SlugTaken
from tenants.registry.events import StationOpened
from tenants.registry.schemas import Script
from tenants.registry.service import SLUG, TenantDraft

TRIES = 8  # others may take what was made for us, but each of them has made one too


class Provisioner(Struct, frozen=True, kw_only=True):
    """What a new station is made with: `login` is the application's database role."""

    settings: Settings
    roles: Roles
    login: str
    script: Script

    @property
    def version(self) -> int:
        return self.script.version

    async def open(self, draft: TenantDraft) -> int:
        """Makes the bare station. Raises `BadSlug`, `SlugTaken`, `HostTaken`, `CannotProvision`."""
        if not self.settings.admin_url:
            raise CannotProvision
        async with admin_connection(self.settings) as connection:
            return await service.open_tenant(connection, self.roles, self.login, draft, self.script)

    async def fill(self, target: int) -> int:
        """Builds schemas until `target` of today's version wait in the pool; returns how many it built. Each is a
        transaction of its own, and several may fill at a time. Raises `CannotProvision`."""
        if not self.settings.admin_url:
            raise CannotProvision
        built = 0
        async with admin_connection(self.settings) as connection:
            while await schemas.pool(connection, self.roles, self.login, self.script, target):
                built += 1
        return built

    async def claim(self, session: AsyncSession) -> int:
        """A schema out of the pool for this transaction, built first if none waits. Master session. Raises
        `CannotProvision`."""
        for _ in range(TRIES):
            claimed = await service.claim(driver(session), self.version)
            if claimed is not None:
                return claimed
            await self._build_one()
        raise CannotProvision

    async def _build_one(self) -> None:
        if not self.settings.admin_url:
            raise CannotProvision
        async with admin_connection(self.settings) as connection:
            await schemas.pool(connection, self.roles, self.login, self.script, None)


class Owner(Struct, frozen=True):
    """The first account of a station's staff."""

    login: str
    name: str
    password: str


class Invitee(Struct, frozen=True):
    """Who is to own the station and sets the account up himself; to an `email` goes a letter with the link."""

    name: str
    email: str = ""


class By(Struct, frozen=True):
    """Who opens it, for the audit log."""

    name: str
    address: str

    @property
    def at_station(self) -> str:
        """How the station reads the operator's name."""
        return f"master: {self.name}"


class Opened(Struct, frozen=True):
    """The new station's number, whether its owner has an account, and the invitation if one was made."""

    tenant_id: int
    has_owner: bool
    invited: Invited | None = None


async def open_station(
    runtime: Runtime,
    provisioner: Provisioner,
    draft: TenantDraft,
    owner: Owner | Invitee | None,
    deposit_cents: int,
    by: By,
) -> Opened:
    """Raises `Invalid` with every field at fault (of the draft, and of the owner as `owner_...`), `CannotProvision`,
    and `SlugTaken`, `HostTaken`, `DomainTaken` or `LoginTaken` when another was first. Then nothing was made."""
    async with runtime.database.master_session() as session:
        await check(session, runtime.settings, draft, owner)
    async with runtime.database.master_session() as session:
        opened = await place(session, runtime, provisioner, draft, owner, deposit_cents, by)
    runtime.directory.forget()
    return opened


async def place(
    session: AsyncSession,
    runtime: Runtime,
    provisioner: Provisioner,
    draft: TenantDraft,
    owner: Owner | Invitee | None,
    deposit_cents: int,
    by: By,
    *,
    claimed: int | None = None,
) -> Opened:
    """Opens a station whose draft was checked, in the caller's master session, as the last thing it does: an invitation
    ends in the station's own log. `claimed` is a number that the caller has taken for it. Raises what `open_station`
    raises when another was first."""
    tenant_id = await provisioner.claim(session) if claimed is None else claimed
    with service.refusals():
        await service.insert(driver(session), tenant_id, draft, provisioner.version)
    await _claim_domains(session, runtime.settings, tenant_id, draft)
    await domains.hosts_changed(session)
    if deposit_cents:
        await deposits.pay_in(session, tenant_id, deposit_cents, "opening")
    if isinstance(owner, Owner):
        await _add_owner(session, tenant_id, owner)
    invited = await _invite(session, tenant_id, owner, by) if isinstance(owner, Invitee) else None
    if draft.markup_percent is not None:
        await outbox.record(session, StationOpened(tenant_id, draft.markup_percent))
    detail = {
        "slug": draft.slug,
        "name": draft.name,
        "hosts": [*draft.hosts, *draft.domains],
        "deposit_cents": deposit_cents,
        "login": owner.login if isinstance(owner, Owner) else "",
    }
    await audit.record(session, by.name, "stations.open", str(tenant_id), detail, by.address)
    if isinstance(owner, Invitee):
        await as_place(session, runtime.database, tenant_id)
        said = {"role": str(Role.OWNER), "email": owner.email}
        await audit.record(session, by.at_station, "staff.invite", owner.name, said, by.address)
    return Opened(tenant_id, has_owner=isinstance(owner, Owner), invited=invited)


async def _claim_domains(session: AsyncSession, settings: Settings, tenant_id: int, draft: TenantDraft) -> None:
    for domain in draft.domains:
        try:
            await domains.claim(session, settings, tenant_id, domain)
        except DomainTaken:
            raise DomainTaken(field="domains") from None


async def _add_owner(session: AsyncSession, tenant_id: int, owner: Owner) -> None:
    try:
        await staff.create_staff(session, owner.login, owner.name, owner.password, tenant_id, Role.OWNER)
    except LoginTaken:
        raise LoginTaken(field="owner_login") from None


async def _invite(session: AsyncSession, tenant_id: int, owner: Invitee, by: By) -> Invited:
    return await invitations.invite(
        session, tenant_id=tenant_id, role=Role.OWNER, email=owner.email, name=owner.name, by=by.at_station
    )


async def check(session: AsyncSession, settings: Settings, draft: TenantDraft, owner: Owner | Invitee | None) -> None:
    """Whether a station can be opened from this draft now. Raises `Invalid` with every field at fault."""
    taken = await queries.taken(session, draft)
    errors = {
        "slug": _wrong_slug(draft, taken),
        "hosts": _wrong_hosts(settings, draft, taken),
        "domains": await _wrong_domains(session, settings, draft),
        "tier_id": N_("Choose one of the list.") if taken.tier_id else "",
        "plan_id": N_("Choose one of the list.") if taken.plan_id else "",
    }
    if isinstance(owner, Owner):
        errors["owner_login"] = await _wrong_login(session, owner.login)
        errors["owner_password"] = _wrong_password(owner.password)
    elif isinstance(owner, Invitee):
        errors["owner_name"] = "" if owner.name else N_("Fill this in.")
        errors["owner_email"] = _wrong_email(owner.email)
    wrong = {field: said for field, said in errors.items() if said}
    if wrong:
        raise Invalid(wrong)


def _wrong_slug(draft: TenantDraft, taken: queries.Taken) -> str:
    if not SLUG.fullmatch(draft.slug):
        return BadSlug.message
    return SlugTaken.message if taken.slug else ""


def _wrong_hosts(settings: Settings, draft: TenantDraft, taken: queries.Taken) -> str:
    if any(host_of(host) != host for host in draft.hosts):
        return N_("A host is a name such as shop.example.com, without http:// and port.")
    if any(host.partition(".")[2] != settings.station_domain for host in draft.hosts):
        return N_("Only names directly under the stations' domain are served at once; others go to the custom domains.")
    if len(set(draft.hosts)) < len(draft.hosts):
        return N_("A host is named twice.")
    return HostTaken.message if taken.hosts or settings.master_host in draft.hosts else ""


async def _wrong_domains(session: AsyncSession, settings: Settings, draft: TenantDraft) -> str:
    if len(set(draft.domains)) < len(draft.domains):
        return N_("A host is named twice.")
    for domain in draft.domains:
        try:
            await domains.check(session, settings, domain)
        except KamengError as refused:
            return of_error(refused) if refused.params else refused.message
    return ""


async def _wrong_login(session: AsyncSession, login: str) -> str:
    if not login:
        return N_("Fill this in.")
    return LoginTaken.message if await staff.is_taken(session, login) else ""


def _wrong_email(email: str) -> str:
    try:
        invitations.check_email(email)
    except Invalid as wrong:
        return wrong.errors["email"]
    return ""


def _wrong_password(password: str) -> str:
    try:
        passwords.check_new(password)
    except Invalid as weak:
        return weak.errors["password"]
    return ""
