"""What is done for stations in the background and needs the administrator's connection: a worker without
KAMENG_ADMIN_URL leaves it to others."""

import psycopg
import structlog
from sqlalchemy.exc import OperationalError

from deploy.provisioning import provisioner
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows, periodic
from kameng.infra.tenancy import Tenant
from tenants.registry import queries, retirement
from tenants.registry.errors import CannotProvision
from tenants.registry.events import ImportStarted
from tenants.registry.imports import service as imports
from tenants.registry.provisioning import By

log = structlog.get_logger()

ITSELF = By("system", "")
RETIRED_AT_A_TIME = 50
NO_ADMIN_S = 30.0


@periodic(seconds=5)
async def fill_pool(runtime: Runtime) -> None:
    """Keeps KAMENG_POOL_SCHEMAS schemas ready for the stations to come."""
    if not runtime.settings.admin_url or not runtime.settings.pool_schemas:
        return
    maker = provisioner(runtime.settings)
    async with runtime.database.master_session() as session:
        waiting = await queries.waiting_in_pool(session, maker.version)
    if waiting < runtime.settings.pool_schemas:
        log.info("pool_filled", built=await maker.fill(runtime.settings.pool_schemas))


@periodic(seconds=60)
async def retire_closed(runtime: Runtime) -> None:
    """Ends the stations whose grace period is over. One that cannot be ended now is tried again, after the others."""
    if not runtime.settings.admin_url:
        return
    async with runtime.database.master_session() as session:
        gone = await queries.gone_by_now(session, RETIRED_AT_A_TIME)
    for tenant_id in gone:
        try:
            await retirement.retire(runtime, tenant_id, ITSELF)
        except (KamengError, OperationalError, psycopg.OperationalError) as error:
            log.warning("not_retired", tenant=tenant_id, why=str(error))
        else:
            log.info("retired", tenant=tenant_id)


@follows(ImportStarted, queue="stations")
async def open_stations(event: ImportStarted, _: Tenant | None, runtime: Runtime) -> None:
    """Some lines of an import; the rest comes by the next event."""
    try:
        await imports.open_some(runtime, provisioner(runtime.settings), event.import_id)
    except CannotProvision as error:
        raise Later(NO_ADMIN_S, error.message) from None
