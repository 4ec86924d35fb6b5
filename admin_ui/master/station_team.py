"""The people of one station as the master sees them: he invites its owner, or makes the account himself."""

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.fields import Login
from admin_ui.frame import AnyRequest, PathId, PathUuid, page
from admin_ui.master.station_tabs import tabs
from admin_ui.people.entrance import role_code
from admin_ui.people.team import InvitationForm, shown_once
from kameng.audit import service as audit
from kameng.core.errors import Invalid, KamengError
from kameng.identity import invitations, roles, staff
from kameng.identity.invitations import Invited
from kameng.identity.permissions import STATION_ROLES, Permission, Role
from kameng.identity.staff import LoginTaken
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, context, forms
from kameng.web.forms import Form, Secret
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff, role_title
from tenants.plans import service as plans
from tenants.plans.errors import TooManyStaff
from tenants.registry import queries
from tenants.registry.errors import StationClosed
from tenants.registry.provisioning import By
from tenants.registry.states import State


class AccountForm(Struct, frozen=True):
    """An account that is made here, with its password. The page holds another form with names and roles."""

    staff_login: Login
    staff_name: Annotated[str, Meta(min_length=1, max_length=40)]
    staff_password: Secret
    staff_role: Literal["owner", "deputy", "service", "finance"] = "owner"


class StationTeamController(Controller):
    path = "/tenants/{tenant_id:int}/team"

    @get("/", guards=[requires(Permission.TENANTS_READ)])
    async def show(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id)

    @post("/invitations", guards=[requires(Permission.TENANTS_WRITE)])
    async def invite(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            made = await _invite(runtime, tenant_id, await forms.parse(request, InvitationForm), staff)
        except (Invalid, TooManyStaff) as error:
            return await _page(request, runtime, tenant_id, 422, await forms.again(request, error))
        return await shown_once(request, runtime, tenant_id, made, back=f"/tenants/{tenant_id}/team")

    @post("/accounts", guards=[requires(Permission.TENANTS_WRITE)])
    async def add_account(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            await _add_account(runtime, tenant_id, await forms.parse(request, AccountForm), staff)
        except (Invalid, LoginTaken, TooManyStaff) as error:
            form = await forms.again(request, _at_our_fields(error))
            return await _page(request, runtime, tenant_id, 422, account_form=form)
        answers.toast(request, gettext("The account can sign in at the station's console."))
        return answers.redirect(request, f"/tenants/{tenant_id}/team")

    @post("/invitations/{invitation_id:uuid}/revoke", guards=[requires(Permission.TENANTS_WRITE)])
    async def revoke(
        self,
        tenant_id: PathId,
        invitation_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await _revoke(runtime, tenant_id, invitation_id, staff)
        answers.toast(request, gettext("The invitation is revoked. Its links lead nowhere."))
        return answers.redirect(request, f"/tenants/{tenant_id}/team")


async def _invite(runtime: Runtime, tenant_id: int, sent: InvitationForm, by: Staff) -> Invited:
    """In the log of the station, under the master's name. Raises `StationGone`, `StationClosed`, `TooManyStaff`,
    `Invalid`."""
    async with runtime.database.master_session() as session:
        await _check(session, tenant_id)
        made = await invitations.invite(
            session, tenant_id=tenant_id, role=sent.role, email=sent.email, name=sent.name, by=_named(by)
        )
        written = await invitations.one(session, tenant_id, made.id)
        detail = {"role": role_code(written.role, written.role_name), "email": sent.email}
        await as_place(session, runtime.database, tenant_id)
        await audit.record(session, _named(by), "staff.invite", sent.name, detail, by.address)
    return made


async def _add_account(runtime: Runtime, tenant_id: int, sent: AccountForm, by: Staff) -> None:
    """Raises `StationGone`, `StationClosed`, `TooManyStaff`, `LoginTaken`, and `Invalid` at `password`."""
    async with runtime.database.master_session() as session:
        await _check(session, tenant_id)
        await staff.create_staff(
            session, sent.staff_login, sent.staff_name, sent.staff_password, tenant_id, Role(sent.staff_role)
        )
        detail = {"login": sent.staff_login, "role": sent.staff_role}
        await audit.record(session, by.name, "staff.add", str(tenant_id), detail, by.address)


async def _check(session: AsyncSession, tenant_id: int) -> None:
    """Whether somebody may be added. Raises `StationGone`, `StationClosed`, `TooManyStaff`."""
    if (await queries.station(session, tenant_id)).state == State.CLOSED:
        raise StationClosed
    await plans.check_staff(session, tenant_id)


async def _revoke(runtime: Runtime, tenant_id: int, invitation_id: UUID, by: Staff) -> None:
    async with runtime.database.master_session() as session:
        before = await invitations.revoke(session, tenant_id, invitation_id, roles.MASTER)
        await as_place(session, runtime.database, tenant_id)
        detail = {"role": role_code(before.role, before.role_name), "email": before.email}
        await audit.record(session, _named(by), "staff.invite_revoke", before.name, detail, by.address)


def _named(by: Staff) -> str:
    """How the station reads the operator's name."""
    return By(by.name, by.address).at_station


def _at_our_fields(error: Invalid | LoginTaken | TooManyStaff) -> KamengError:
    """The fields are called `staff_...` here, because the page holds another form too."""
    if isinstance(error, TooManyStaff):
        return error
    if isinstance(error, LoginTaken):
        return Invalid({"staff_login": error.message})
    return Invalid({{"password": "staff_password"}.get(name, name): said for name, said in error.errors.items()})


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    tenant_id: int,
    status: int = 200,
    form: Form | None = None,
    account_form: Form | None = None,
) -> Template:
    async with runtime.database.master_session() as session:
        composed = await roles.composed(session, tenant_id)
        return page(
            request,
            "master/station_team.html",
            status=status,
            station=await queries.station(session, tenant_id),
            tabs=tabs(context.of(request.scope), tenant_id),
            url=runtime.settings.base_url,
            members=await staff.members(session, tenant_id),
            invitations=await invitations.pending(session, tenant_id),
            roles=[(str(one), role_title(one)) for one in STATION_ROLES] + [(one.code, one.name) for one in composed],
            title=role_title,
            sends_letters=bool(runtime.settings.smtp_url),
            form=form,
            account_form=account_form,
            account_roles=[(str(one), role_title(one)) for one in STATION_ROLES],
        )
