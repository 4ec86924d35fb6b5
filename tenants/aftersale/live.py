"""The topic on which both sides of a ticket listen."""

from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant


def topic(tenant: Tenant, ticket_no: str) -> str:
    """Carries the tenant: a page can listen to its own station's tickets only."""
    return f"t{tenant.id}:ticket:{ticket_no}"


async def changed(runtime: Runtime, tenant: Tenant, ticket_no: str) -> None:
    """Tells the open pages of a ticket to look again. Call after the commit."""
    await runtime.hub.changed(topic(tenant, ticket_no))
