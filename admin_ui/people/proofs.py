"""What is done when a provider has said who somebody is: he is signed in, joins with an invitation, or links the
identity to his account. All of it in the browser that asked for it, and nowhere else.
"""

import hmac
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest, page
from admin_ui.people import entrance
from kameng.audit import service as audit
from kameng.core import ids
from kameng.identity import invitations, oidc, providers, staff
from kameng.identity.staff import LoginTaken
from kameng.identity.tickets import Proof, TicketGone
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, context
from kameng.web.cookies import BROWSER
from kameng.web.i18n import gettext


async def use(request: AnyRequest, runtime: Runtime, tenant_id: int | None, proof: Proof) -> Response[Any]:
    """Raises `TicketGone` in another browser than the one in which it began."""
    here = context.of(request.scope)
    secret = here.cookie(BROWSER) or ""
    if not hmac.compare_digest(oidc.browser_hash(secret), proof.browser):
        raise TicketGone
    here.drop_cookie(BROWSER)
    if proof.wish == "link":
        return await _link(request, runtime, tenant_id, proof)
    if proof.wish == "join":
        return await _join(request, runtime, tenant_id, proof)
    return await _sign_in(request, runtime, tenant_id, proof)


async def _sign_in(request: AnyRequest, runtime: Runtime, tenant_id: int | None, proof: Proof) -> Response[Any]:
    async with runtime.database.master_session() as session:
        staff_id = await providers.owner_of(session, proof.issuer, proof.subject)
        account = await staff.account_at(session, tenant_id, staff_id) if staff_id else None
    if account is None or not account.may_enter:
        return _unknown(request, proof)
    here = context.of(request.scope)
    entered = await staff.enter(runtime, account, tenant_id, here.address, here.user_agent)
    await answers.sign_in(request, entered)
    home = here.base or "/"
    return answers.redirect(request, proof.next if answers.is_local(proof.next) else home)


async def _join(request: AnyRequest, runtime: Runtime, tenant_id: int | None, proof: Proof) -> Response[Any]:
    """The account that the identity is linked to, or a new one without a password. Raises `InvitationGone`,
    `AlreadyMember`.
    """
    here = context.of(request.scope)
    if proof.invitation_id is None:
        raise TicketGone
    async with runtime.database.master_session() as session:
        invitation = await invitations.valid(session, proof.invitation_id)
        staff_id = await providers.owner_of(session, proof.issuer, proof.subject)
        if staff_id is None:
            staff_id = await _account(session, invitation.name or proof.label, proof.label)
            await providers.link(session, staff_id, proof.issuer, proof.subject, proof.label)
        await entrance.admit(session, runtime, invitation, tenant_id, staff_id, here.address)
    return await entrance.go_in(request, runtime, tenant_id, staff_id)


async def _account(session: AsyncSession, name: str, label: str) -> UUID:
    """A new account; its login is what the provider calls the person, with some signs added where that is taken."""
    wanted = "".join(sign for sign in label if not sign.isspace() and sign not in "<>:：")[:50].ljust(3, "-")
    try:
        return await staff.create_account(session, wanted, name[:40], None)
    except LoginTaken:
        return await staff.create_account(session, f"{wanted}-{ids.code(6).lower()}", name[:40], None)


async def _link(request: AnyRequest, runtime: Runtime, tenant_id: int | None, proof: Proof) -> Response[Any]:
    """To the account of whoever is signed in here, if it is still the one that asked. Raises `IdentityTaken`."""
    here = context.of(request.scope)
    person = here.staff
    if person is None or person.id != proof.staff_id or person.visit:
        raise TicketGone
    async with runtime.database.master_session() as session:
        await providers.link(session, person.id, proof.issuer, proof.subject, proof.label)
        await as_place(session, runtime.database, tenant_id)
        detail = {"identity": proof.label}
        await audit.record(session, person.name, "account.link", str(person.id), detail, here.address)
    answers.toast(request, gettext("You can sign in with %(label)s from now on.", label=proof.label))
    return answers.redirect(request, f"{here.base}/account")


def _unknown(request: AnyRequest, proof: Proof) -> Template:
    """Nobody is found by his e-mail address: who vouches for that is not known."""
    return page(request, "people/unknown.html", status=403, label=proof.label)
