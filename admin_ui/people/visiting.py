"""Leaving a station's console that one visits."""

from contextlib import suppress

from admin_ui.frame import AnyRequest
from kameng.identity import standing, visits
from kameng.identity.visits import VisitGone
from kameng.infra.tenancy import Tenant
from kameng.web import context


async def end_own(request: AnyRequest, tenant: Tenant) -> None:
    """Ends the visit of whoever is here, if it is one."""
    person = context.of(request.scope).staff
    if person is None or person.visit is None:
        return
    with suppress(VisitGone):  # the owner was first
        async with tenant.begin() as session:
            await visits.end(session, person.visit.id, visits.By(person.name, person.address))
    standing.forget()
