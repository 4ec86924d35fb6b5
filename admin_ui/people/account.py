"""One's own account: name, password, identity, and where one is signed in."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid, KamengError, NotFound, Refused, TooManyRequests
from kameng.identity import providers, sessions, staff, standing
from kameng.identity.staff import WrongPassword
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, context, forms
from kameng.web.forms import Form, Secret
from kameng.web.guards import signed_in_staff
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry import queries as registry

Mark = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{64}$")]


class OnlyWayIn(Refused):
    """Without the identity nobody could sign in to the account."""

    message = "Set a password first: without one you could not sign in any more."


class NameForm(Struct, frozen=True):
    """What others see."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]


class PasswordForm(Struct, frozen=True):
    """An account that has no password yet leaves the old one empty."""

    password: Secret
    old_password: Secret = ""


def controller(base: str) -> type[Controller]:
    """One's own account."""

    class AccountController(Controller):
        path = f"{base}/account"
        guards = [signed_in_staff]  # noqa: RUF012 - Litestar reads it from the class

        @get("/")
        async def show(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            return await _page(request, runtime, _own(staff))

        @post("/name")
        async def rename(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            try:
                name = (await forms.parse(request, NameForm)).name
                await _rename(runtime, _own(staff), name)
            except Invalid as error:
                return await _page(request, runtime, _own(staff), 422, form=await forms.again(request, error))
            answers.toast(request, gettext("Your name is changed."))
            return answers.redirect(request, f"{base}/account")

        @post("/password")
        async def change_password(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            try:
                given = await forms.parse(request, PasswordForm)
                await _change_password(request, runtime, _own(staff), given)
            except (Invalid, WrongPassword, TooManyRequests) as error:
                form = await forms.again(request, error)
                return await _page(request, runtime, _own(staff), _status(error), password_form=form)
            answers.toast(request, gettext("Your password is changed. You are signed out everywhere else."))
            return answers.redirect(request, f"{base}/account")

        @post("/sessions/end")
        async def end_all(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            await forms.parse(request, Confirmed)
            await sessions.destroy_all(runtime.redis, _own(staff).id)
            await answers.sign_out(request)
            answers.toast(request, gettext("You are signed out everywhere."))
            return answers.redirect(request, f"{base}/login")

        @post("/sessions/{mark:str}/end")
        async def end_one(
            self,
            mark: Mark,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            if not await sessions.destroy_one(runtime.redis, _own(staff).id, mark):
                raise NotFound
            answers.toast(request, gettext("That browser is signed out."))
            return answers.redirect(request, f"{base}/account")

        @post("/identity/unlink")
        async def unlink(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            await forms.parse(request, Confirmed)
            await _unlink(runtime, _own(staff))
            answers.toast(request, gettext("The identity is no longer linked."))
            return answers.redirect(request, f"{base}/account")

    return AccountController


def _own(person: Staff) -> Staff:
    """A visitor has no account here. Raises `NotFound`."""
    if person.visit:
        raise NotFound
    return person


async def _rename(runtime: Runtime, person: Staff, name: str) -> None:
    async with runtime.database.master_session() as session:
        await staff.rename(session, person.id, name)
        await as_place(session, runtime.database, person.tenant_id)
        detail = {"from": person.name, "to": name}
        await audit.record(session, person.name, "account.rename", str(person.id), detail, person.address)
    standing.forget()


async def _change_password(request: AnyRequest, runtime: Runtime, person: Staff, given: PasswordForm) -> None:
    """Ends all sessions, and begins a new one in this browser."""
    here = context.of(request.scope)
    await staff.change_password(runtime, person.id, given.old_password, given.password, person.address)
    async with runtime.database.master_session() as session:
        await as_place(session, runtime.database, person.tenant_id)
        await audit.record(session, person.name, "account.password", str(person.id), None, person.address)
    fresh = await sessions.create(
        runtime.redis,
        "staff",
        subject=person.id,
        name=person.name,
        tenant_id=person.tenant_id,
        role=person.role,
        address=here.address,
        agent=here.user_agent,
    )
    await answers.sign_in(request, fresh)


async def _unlink(runtime: Runtime, person: Staff) -> None:
    async with runtime.database.master_session() as session:
        account = await staff.account_at(session, person.tenant_id, person.id)
        if account is None or account.password_hash is None:
            raise OnlyWayIn
        if await providers.unlink(session, person.id):
            await as_place(session, runtime.database, person.tenant_id)
            await audit.record(session, person.name, "account.unlink", str(person.id), None, person.address)


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    person: Staff,
    status: int = 200,
    form: Form | None = None,
    password_form: Form | None = None,
) -> Template:
    here = context.of(request.scope)
    opened = await sessions.opened(runtime.redis, person.id)
    async with runtime.database.master_session() as session:
        account = await staff.account_at(session, person.tenant_id, person.id)
        names = await registry.names(session, [one.tenant_id for one in opened if one.tenant_id is not None])
        return page(
            request,
            "people/account.html",
            status=status,
            login=await staff.login_of(session, person.id),
            has_password=account is not None and account.password_hash is not None,
            identities=await providers.linked(session, person.id),
            provider=await providers.active_name(session),
            opened=opened,
            names=names,
            current=sessions.mark_of(here.session) if here.session else "",
            form=form,
            password_form=password_form,
        )


def _status(error: KamengError) -> int:
    return 429 if isinstance(error, TooManyRequests) else 422
