"""What suppliers tell by themselves. A call is a reason to ask, never an answer."""

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from supplier_gateway.purchases import service
from supplier_gateway.suppliers.service import SupplierCalled


@follows(SupplierCalled, queue="orders")
async def wake_order(event: SupplierCalled, _: None, runtime: Runtime) -> None:
    """The order whose purchase the supplier has called about is looked after at once."""
    async with runtime.database.master_session() as session:
        await service.wake(session, event.supplier_id, event.reference)
