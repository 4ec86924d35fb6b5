"""Going from one of our hosts to another without signing in again: a ticket is made here by POST, and redeemed there.

The policy of our pages lets no form lead to another host, so what answers the form is a page that goes on by itself.
"""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from admin_ui.frame import AnyRequest, page
from admin_ui.people import proofs
from kameng.core.errors import Invalid
from kameng.identity import sessions, staff, standing, tickets
from kameng.identity.sessions import Session
from kameng.identity.tickets import Proof, Switch, Ticket, TicketGone, Visit
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.context import Context
from kameng.web.guards import signed_in_staff
from kameng.web.people import Staff

ENTER = "/enter"


class SwitchForm(Struct, frozen=True):
    """The number of the station to go to; 0 is the master."""

    to: int


async def address_of(runtime: Runtime, tenant_id: int | None, path: str = "") -> str:
    """An address at the console of a station, on its own host (None: at the master's). Raises `NotFound`."""
    if tenant_id is None:
        return runtime.settings.base_url(runtime.settings.master_host) + (path or "/")
    tenant = await runtime.directory.tenant(tenant_id)
    return f"{runtime.settings.base_url(tenant.host)}/console{path}"


async def send_with(request: AnyRequest, runtime: Runtime, tenant_id: int | None, ticket: Ticket) -> Response[Any]:
    """To the console of `tenant_id` with a ticket. Raises `NotFound` when the station is gone."""
    token = await tickets.issue(runtime.redis, tenant_id, ticket)
    return leave_to(request, f"{await address_of(runtime, tenant_id, ENTER)}?ticket={token}")


def leave_to(request: AnyRequest, address: str) -> Response[Any]:
    """To an address that is ours or the provider's, never one that was sent to us."""
    return page(request, "people/leaving.html", address=address, headers={"Refresh": f"0; url={address}"})


def controller(base: str) -> type[Controller]:
    """Switching to another station, and arriving from one."""

    class CrossingController(Controller):
        path = base or "/"

        @post("/switch", guards=[signed_in_staff], status_code=200)
        async def switch(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            to = (await forms.parse(request, SwitchForm)).to
            if to not in {place.id for place in staff.places}:
                raise Invalid({"to": "You do not work at this station."})
            return await send_with(request, runtime, to or None, Switch(staff.id))

        @get(ENTER, opt={"public": True})
        async def enter(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
            here = context.of(request.scope)
            tenant_id = here.tenant.id if here.tenant else None
            ticket = await tickets.redeem(runtime.redis, tenant_id, request.query_params.get("ticket", ""))
            if isinstance(ticket, Proof):
                return await proofs.use(request, runtime, tenant_id, ticket)
            if isinstance(ticket, Visit):
                session = await _visit(runtime, tenant_id, ticket, here)
            else:
                session = await _switch(runtime, tenant_id, ticket, here)
            await answers.sign_in(request, session)
            return answers.redirect(request, base or "/")

    return CrossingController


async def _switch(runtime: Runtime, tenant_id: int | None, ticket: Switch, here: Context) -> Session:
    """Whether he works here is looked at now, not when the ticket was made. Raises `TicketGone`."""
    async with runtime.database.master_session() as session:
        account = await staff.account_at(session, tenant_id, ticket.staff_id)
    if account is None or not account.may_enter:
        raise TicketGone
    return await staff.enter(runtime, account, tenant_id, here.address, here.user_agent)


async def _visit(runtime: Runtime, tenant_id: int | None, ticket: Visit, here: Context) -> Session:
    """Raises `TicketGone` when the visit has ended, or the visitor may not visit any more."""
    stands = await standing.of(runtime.database, ticket.staff_id, tenant_id, ticket.visit_id)
    if stands is None:
        raise TicketGone
    return await sessions.create(
        runtime.redis,
        "staff",
        subject=ticket.staff_id,
        name=stands.name,
        tenant_id=tenant_id,
        role=stands.role,
        visit=ticket.visit_id,
        address=here.address,
        agent=here.user_agent,
    )
