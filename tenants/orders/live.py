"""The topic on which an order's open pages listen."""

from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant


def topic(tenant: Tenant, order_no: str) -> str:
    """Carries the tenant: a page can listen to its own station's orders only."""
    return f"t{tenant.id}:order:{order_no}"


async def changed(runtime: Runtime, tenant: Tenant, order_no: str) -> None:
    """Tells the open pages of an order to look again. Call after the commit."""
    await runtime.hub.changed(topic(tenant, order_no))
