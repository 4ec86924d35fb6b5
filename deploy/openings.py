"""Opening what was applied for: composed here, because only here it is known how stations are made."""

from deploy.provisioning import provisioner
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from tenants.applications import opening
from tenants.applications.errors import NotOpen
from tenants.applications.service import ApplicationReady
from tenants.registry.errors import CannotProvision

PATIENCE_S = 60.0


@follows(ApplicationReady, queue="openings")
async def open_what_was_applied_for(event: ApplicationReady, tenant: Tenant | None, runtime: Runtime) -> None:
    """Opens the station. Without an administrator's connection or a tier it waits until somebody has seen to that."""
    if tenant is not None:
        return  # a tenant's letter; only the master's are believed
    try:
        await opening.open_station(runtime, provisioner(runtime.settings), event.application_id)
    except (CannotProvision, NotOpen) as refusal:
        raise Later(PATIENCE_S, refusal.message) from refusal
