"""Whoever does what cannot be taken back proves once more who he is."""

from datetime import timedelta

from admin_ui.frame import AnyRequest
from kameng.core import clock
from kameng.core.errors import Invalid, Refused
from kameng.identity import staff as accounts
from kameng.identity.staff import WrongPassword
from kameng.infra.runtime import Runtime
from kameng.web import context
from kameng.web.people import Staff

FRESH = timedelta(minutes=10)


class NotFresh(Refused):
    """The account has no password, and the provider was asked too long ago."""

    message = "Your account has no password: sign out and in again, then do this within ten minutes."


async def has_password(runtime: Runtime, staff: Staff) -> bool:
    """Whether a form has to ask for one."""
    async with runtime.database.master_session() as session:
        account = await accounts.account_at(session, staff.tenant_id, staff.id)
    return account is not None and account.password_hash is not None


async def prove(request: AnyRequest, runtime: Runtime, staff: Staff, password: str) -> None:
    """Checks the password, rate-limited as at the door; whoever has none must have signed in a moment ago. Raises
    `Invalid` at `password`, `NotFresh`, `TooManyRequests`."""
    if not await has_password(runtime, staff):
        here = context.of(request.scope)
        if here.session is None or here.session.created_at < clock.now() - FRESH:
            raise NotFresh
        return
    async with runtime.database.master_session() as session:
        login = await accounts.login_of(session, staff.id)
    try:
        await accounts.prove(runtime, login, password, staff.tenant_id, staff.address)
    except WrongPassword:
        raise Invalid({"password": "This is not your password."}) from None
