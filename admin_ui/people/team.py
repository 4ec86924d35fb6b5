"""The people of one place: members, invitations, what is lent to whom."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.fields import Confirmed, Switch
from admin_ui.frame import AnyRequest, PathUuid, page
from admin_ui.people import permission_words
from admin_ui.people.crossing import address_of
from admin_ui.people.entrance import role_code
from kameng.audit import service as audit
from kameng.core.errors import Invalid, Refused
from kameng.identity import delegations, invitations, roles, staff, standing, team
from kameng.identity.invitations import Invited
from kameng.identity.permissions import Permission
from kameng.identity.roles import BUILT_IN, GUARDED, BeyondOwn, Giver
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff, role_title
from tenants.plans import service as plans
from tenants.plans.errors import TooManyStaff

RoleCode = Annotated[str, Meta(min_length=1, max_length=40)]


class InvitationForm(Struct, frozen=True):
    """Whom to invite, and as what."""

    role: RoleCode
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    email: Annotated[str, Meta(max_length=200)] = ""


class RoleForm(Struct, frozen=True):
    """Which role a member gets."""

    role: RoleCode


def controller(base: str, read: Permission, write: Permission) -> type[Controller]:
    """The team's pages of a place whose addresses begin with `base`."""

    class TeamController(Controller):
        path = f"{base}/team"

        @get("/", guards=[requires(read)])
        async def listed(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            return await _team(request, runtime, staff, write)

        @get("/invite", guards=[requires(write)])
        async def blank(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            return await _invitation_form(request, runtime, staff, None)

        @post("/invitations", guards=[requires(write)])
        async def invite(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            try:
                sent = await forms.parse(request, InvitationForm)
                made = await _invite(runtime, staff, sent)
            except (Invalid, BeyondOwn, TooManyStaff) as error:
                return await _invitation_form(request, runtime, staff, await forms.again(request, error), 422)
            return await shown_once(request, runtime, staff.tenant_id, made, back=f"{base}/team")

        @post("/invitations/{invitation_id:uuid}/renew", guards=[requires(write)])
        async def renew(
            self,
            invitation_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            made = await _renew(runtime, staff, invitation_id)
            return await shown_once(request, runtime, staff.tenant_id, made, back=f"{base}/team")

        @post("/invitations/{invitation_id:uuid}/revoke", guards=[requires(write)])
        async def revoke(
            self,
            invitation_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            await _revoke(runtime, staff, invitation_id)
            answers.toast(request, gettext("The invitation is revoked. Its links lead nowhere."))
            return answers.redirect(request, f"{base}/team")

        @get("/{staff_id:uuid}", guards=[requires(read)])
        async def show(
            self,
            staff_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Template:
            return await member_page(request, runtime, staff, staff_id, write)

        @post("/{staff_id:uuid}/role", guards=[requires(write)])
        async def change_role(
            self,
            staff_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            try:
                await _change_role(runtime, staff, staff_id, (await forms.parse(request, RoleForm)).role)
            except (Invalid, BeyondOwn, Refused) as error:
                form = Form(values={}, errors=(await forms.again(request, _at(error, "role"))).errors)
                return await member_page(request, runtime, staff, staff_id, write, 422, role_form=form)
            answers.toast(request, gettext("The role is changed. It holds within two seconds."))
            return answers.redirect(request, f"{base}/team/{staff_id}")

        @post("/{staff_id:uuid}/disable", guards=[requires(write)])
        async def disable(
            self,
            staff_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            disabled = (await forms.parse(request, Switch)).paused
            await _disable(runtime, staff, staff_id, disabled=disabled)
            said = gettext("This person is shut out.") if disabled else gettext("This person may enter again.")
            answers.toast(request, said)
            return answers.redirect(request, f"{base}/team/{staff_id}")

        @post("/{staff_id:uuid}/remove", guards=[requires(write)])
        async def remove(
            self,
            staff_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            await forms.parse(request, Confirmed)
            await _remove(runtime, staff, staff_id)
            answers.toast(request, gettext("This person does not work here any more."))
            return answers.redirect(request, f"{base}/team")

    return TeamController


async def roles_to_give(session: AsyncSession, tenant_id: int | None, by: Giver) -> list[tuple[str, str]]:
    """Codes and names of the roles that `by` may give, the greatest first."""
    built_in = [(str(one), role_title(one)) for one in BUILT_IN[tenant_id is None]]
    composed = [(one.code, one.name) for one in await roles.composed(session, tenant_id)]
    found = []
    for code, name in [*built_in, *composed]:
        try:
            by.check(await roles.permissions_at(session, tenant_id, code))
        except BeyondOwn:
            continue
        found.append((code, name))
    return found


async def member_page(
    request: AnyRequest,
    runtime: Runtime,
    viewer: Staff,
    staff_id: UUID,
    write: Permission,
    status: int = 200,
    role_form: Form | None = None,
    lend_form: Form | None = None,
) -> Template:
    """One member, with forms for whoever may use them. Raises `MemberGone`."""
    tenant_id = viewer.tenant_id
    async with runtime.database.master_session() as session:
        person = await team.person(session, tenant_id, staff_id)
        own = roles.resolve(person.role, person.permissions)
        lent = [one for one in await delegations.current(session, tenant_id) if one.staff_id == staff_id]
        may_write = write in viewer.permissions and not viewer.visit
        by = await roles.giver_now(session, tenant_id, viewer.id) if may_write else None
        may_change = by is not None and person.id != by.id and own <= by.own and (by.is_head or not own & GUARDED)
        lendable = sorted((by.own if by.is_head else by.own - GUARDED) - own) if by is not None else []
        return page(
            request,
            "people/member.html",
            status=status,
            person=person,
            title=role_title(person.role, person.role_name),
            is_self=person.id == viewer.id,
            may_change=may_change,
            roles=await roles_to_give(session, tenant_id, by) if by is not None else [],
            groups=permission_words.groups(own),
            lent=lent,
            lendable=[(str(one), permission_words.say(one)) for one in lendable] if not person.is_disabled else [],
            say_permission=permission_words.say,
            role_form=role_form,
            lend_form=lend_form,
        )


async def _team(request: AnyRequest, runtime: Runtime, viewer: Staff, write: Permission) -> Template:
    async with runtime.database.master_session() as session:
        return page(
            request,
            "people/team.html",
            members=await staff.members(session, viewer.tenant_id),
            invitations=await invitations.pending(session, viewer.tenant_id),
            lent=await delegations.current(session, viewer.tenant_id),
            title=role_title,
            say_permission=permission_words.say,
            writes=write in viewer.permissions,
            sends_letters=bool(runtime.settings.smtp_url),
        )


async def _invitation_form(
    request: AnyRequest, runtime: Runtime, viewer: Staff, form: Form | None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        by = await roles.giver_now(session, viewer.tenant_id, viewer.id)
        offered = await roles_to_give(session, viewer.tenant_id, by)
    sends = bool(runtime.settings.smtp_url)
    return page(request, "people/invite.html", status=status, form=form, roles=offered[::-1], sends_letters=sends)


async def shown_once(
    request: AnyRequest, runtime: Runtime, tenant_id: int | None, made: Invited, back: str
) -> Template:
    """The link of an invitation, never to be seen again; `back` is the page to go on to."""
    async with runtime.database.master_session() as session:
        invitation = await invitations.one(session, tenant_id, made.id)
    return page(
        request,
        "people/invited.html",
        link=f"{await address_of(runtime, tenant_id, '/join')}?token={made.token}",
        invitation=invitation,
        role=role_title(invitation.role, invitation.role_name),
        sends_letters=bool(runtime.settings.smtp_url),
        back=back,
    )


async def _invite(runtime: Runtime, viewer: Staff, sent: InvitationForm) -> Invited:
    place = viewer.tenant_id
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, place, viewer.id)
        by.check(await roles.permissions_at(session, place, sent.role))
        if place is not None:
            await plans.check_staff(session, place)
        made = await invitations.invite(
            session, tenant_id=place, role=sent.role, email=sent.email, name=sent.name, by=viewer.name, by_id=by.id
        )
        written = await invitations.one(session, place, made.id)
        detail = {"role": role_code(written.role, written.role_name), "email": sent.email}
        await as_place(session, runtime.database, place)
        await audit.record(session, viewer.name, "staff.invite", sent.name, detail, viewer.address)
    return made


async def _renew(runtime: Runtime, viewer: Staff, invitation_id: UUID) -> Invited:
    place = viewer.tenant_id
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, place, viewer.id)
        before = await invitations.one(session, place, invitation_id)
        by.check(await roles.permissions_at(session, place, before.role))
        made = await invitations.renew(session, place, invitation_id, by=viewer.name, by_id=by.id)
        await as_place(session, runtime.database, place)
        detail = {"email": before.email}
        await audit.record(session, viewer.name, "staff.invite_again", before.name, detail, viewer.address)
    return made


async def _revoke(runtime: Runtime, viewer: Staff, invitation_id: UUID) -> None:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        before = await invitations.revoke(session, viewer.tenant_id, invitation_id, by)
        await as_place(session, runtime.database, viewer.tenant_id)
        detail = {"role": role_code(before.role, before.role_name), "email": before.email}
        await audit.record(session, viewer.name, "staff.invite_revoke", before.name, detail, viewer.address)


async def _change_role(runtime: Runtime, viewer: Staff, staff_id: UUID, role: str) -> None:
    place = viewer.tenant_id
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, place, viewer.id)
        before = await team.change_role(session, place, staff_id, role, by)
        after = await team.person(session, place, staff_id)
        detail = {
            "role_before": role_code(before.role, before.role_name),
            "role": role_code(after.role, after.role_name),
        }
        await as_place(session, runtime.database, place)
        await audit.record(session, viewer.name, "staff.role", before.login, detail, viewer.address)
    standing.forget()


async def _disable(runtime: Runtime, viewer: Staff, staff_id: UUID, *, disabled: bool) -> None:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        before = await team.disable(session, viewer.tenant_id, staff_id, by, disabled=disabled)
        await as_place(session, runtime.database, viewer.tenant_id)
        action = "staff.disable" if disabled else "staff.enable"
        await audit.record(session, viewer.name, action, before.login, {"name": before.name}, viewer.address)
    standing.forget()


async def _remove(runtime: Runtime, viewer: Staff, staff_id: UUID) -> None:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        before = await team.remove(session, viewer.tenant_id, staff_id, by)
        await as_place(session, runtime.database, viewer.tenant_id)
        detail = {"name": before.name, "role": role_code(before.role, before.role_name)}
        await audit.record(session, viewer.name, "staff.remove", before.login, detail, viewer.address)
    standing.forget()


def _at(error: Invalid | BeyondOwn | Refused, field: str) -> Invalid:
    """The error at a field, where the family has none."""
    return error if isinstance(error, Invalid) else Invalid({field: error.message})
