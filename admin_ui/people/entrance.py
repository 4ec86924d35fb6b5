"""Taking up an invitation: the page that the link leads to, with a new account or with one's own."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.fields import Login
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, KamengError, Refused, TooManyRequests
from kameng.identity import invitations, providers, staff, standing
from kameng.identity.invitations import Invitation
from kameng.identity.staff import AlreadyMember, LoginTaken, WrongPassword
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, context, forms
from kameng.web.context import Context
from kameng.web.forms import Form, Secret
from kameng.web.i18n import gettext
from kameng.web.people import role_title
from tenants.plans import service as plans
from tenants.plans.errors import TooManyStaff

BY_ADDRESS = Limit(name="join-address", attempts=30, per_s=600, fails_open=False)


class NoPlaceLeft(Refused):
    """In the words of somebody who cannot do anything about it."""

    message = (
        "The plan of this station allows %(most)s accounts of staff, and there are as many. Ask whoever invited you to"
        " make room; the invitation stays valid."
    )


class TokenForm(Struct, frozen=True):
    """What the link carried."""

    token: Annotated[str, Meta(max_length=100)]


class NewAccountForm(Struct, frozen=True):
    """Somebody who has no account yet."""

    login: Login
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    password: Secret


class OwnAccountForm(Struct, frozen=True):
    """Somebody who works at another station already."""

    own_login: Annotated[str, Meta(max_length=100)]
    own_password: Secret


def controller(base: str) -> type[Controller]:
    """The page that an invitation leads to."""

    class EntranceController(Controller):
        path = f"{base}/join"

        @get("/", opt={"public": True})
        async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
            here = context.of(request.scope)
            await ratelimit.take(runtime.redis, (BY_ADDRESS, here.address))
            return await _page(request, runtime, request.query_params.get("token", ""))

        @post("/new", opt={"public": True})
        async def new_account(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
            here, token = await _counted(request, runtime)
            try:
                given = await forms.parse(request, NewAccountForm)
                async with runtime.database.master_session() as session:
                    invitation = await invitations.of_token(session, _place(here), token)
                    staff_id = await staff.create_account(session, given.login, given.name, given.password)
                    await admit(session, runtime, invitation, _place(here), staff_id, here.address)
            except (Invalid, LoginTaken, NoPlaceLeft) as error:
                return await _page(request, runtime, token, 422, form=await forms.again(request, error))
            return await go_in(request, runtime, _place(here), staff_id)

        @post("/own", opt={"public": True})
        async def own_account(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
            here, token = await _counted(request, runtime)
            try:
                given = await forms.parse(request, OwnAccountForm)
                account = await staff.prove(runtime, given.own_login, given.own_password, _place(here), here.address)
                async with runtime.database.master_session() as session:
                    invitation = await invitations.of_token(session, _place(here), token)
                    await admit(session, runtime, invitation, _place(here), account.id, here.address)
            except (Invalid, WrongPassword, AlreadyMember, NoPlaceLeft, TooManyRequests) as error:
                return await _page(request, runtime, token, _status(error), own=await forms.again(request, error))
            return await go_in(request, runtime, _place(here), account.id)

    return EntranceController


async def admit(
    session: AsyncSession,
    runtime: Runtime,
    invitation: Invitation,
    tenant_id: int | None,
    staff_id: UUID,
    address: str,
) -> None:
    """Makes the account a member, and uses the invitation up, in the caller's transaction, of which this is the end.

    Raises `InvitationGone` when another was first or it is for another place, `AlreadyMember`, `NoPlaceLeft`.
    """
    if invitation.tenant_id != tenant_id:
        raise invitations.InvitationGone
    await invitations.take_up(session, invitation.id, staff_id)
    await _check_room(session, tenant_id, staff_id)
    await staff.join(session, staff_id, tenant_id, invitation.role)
    login = await staff.login_of(session, staff_id)
    detail = {"role": role_code(invitation.role, invitation.role_name), "invited_by": invitation.invited_by}
    await as_place(session, runtime.database, tenant_id)
    await audit.record(session, login, "staff.join", login, detail, address)


async def _check_room(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> None:
    """Whether the station's plan allows one more; of a member it is not asked. Raises `NoPlaceLeft`."""
    if tenant_id is None:
        return
    account = await staff.account_at(session, tenant_id, staff_id)
    if account is not None and account.role is not None:
        return
    try:
        await plans.check_staff(session, tenant_id)
    except TooManyStaff as full:
        raise NoPlaceLeft(most=full.params["most"]) from None


async def go_in(request: AnyRequest, runtime: Runtime, tenant_id: int | None, staff_id: UUID) -> Response[Any]:
    """Signs the new member in. Raises `WrongPassword` when somebody has shut him out meanwhile."""
    here = context.of(request.scope)
    standing.forget()
    async with runtime.database.master_session() as session:
        account = await staff.account_at(session, tenant_id, staff_id)
    if account is None:
        raise Conflict
    await answers.sign_in(request, await staff.enter(runtime, account, tenant_id, here.address, here.user_agent))
    answers.toast(request, gettext("Welcome. You are signed in."))
    return answers.redirect(request, here.base or "/")


def role_code(role: str, role_name: str | None) -> str:
    """How a role stands in the audit log: a composed one by its name, since its number says nothing later."""
    return role_name or role


async def _counted(request: AnyRequest, runtime: Runtime) -> tuple[Context, str]:
    """Counts the attempt; raises `TooManyRequests`, and `Invalid` without a token."""
    here = context.of(request.scope)
    await ratelimit.take(runtime.redis, (BY_ADDRESS, here.address))
    return here, (await forms.parse(request, TokenForm)).token


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    token: str,
    status: int = 200,
    form: Form | None = None,
    own: Form | None = None,
) -> Template:
    """Raises `InvitationGone`."""
    here = context.of(request.scope)
    async with runtime.database.master_session() as session:
        invitation = await invitations.of_token(session, _place(here), token)
        provider = await providers.active_name(session)
    return page(
        request,
        "people/join.html",
        status=status,
        token=token,
        invitation=invitation,
        role=role_title(invitation.role, invitation.role_name),
        provider=provider,
        form=form or Form(values={"name": invitation.name}),
        own=own,
    )


def _place(here: Context) -> int | None:
    return here.tenant.id if here.tenant else None


def _status(error: KamengError) -> int:
    return 429 if isinstance(error, TooManyRequests) else 422
