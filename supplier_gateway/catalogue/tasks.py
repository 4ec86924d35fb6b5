"""Reading catalogues in the background. Shells."""

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from supplier_gateway.catalogue import runs
from supplier_gateway.catalogue.runs import SyncAsked


@follows(SyncAsked)
async def read_catalogue(event: SyncAsked, _: None, runtime: Runtime) -> None:
    await runs.work(runtime, event.run_id)


@periodic(seconds=30)
async def start_due(runtime: Runtime) -> None:
    """Each supplier's catalogue in its time."""
    async with runtime.database.master_session() as session:
        await runs.start_due(session)
