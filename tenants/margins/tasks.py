"""What follows from prices and costs. Shells."""

from billing.wholesale import writing
from billing.wholesale.writing import PricesChanged
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from supplier_gateway.offers import queries as offers
from supplier_gateway.offers.service import CostChanged
from supplier_gateway.suppliers.service import SupplierSwitched
from tenants.margins import service
from tenants.margins.service import PreviewWanted


@follows(CostChanged, queue="prices")
async def follow_cost(event: CostChanged, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001 - the form of a follower
    """Brings the good's prices by rule to its cost."""
    async with runtime.database.master_session() as session:
        await writing.follow_cost(session, event.good_id)


@follows(SupplierSwitched, queue="prices")
async def follow_supplier(event: SupplierSwitched, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001
    """The same for every good of the supplier, each in a transaction of its own."""
    async with runtime.database.master_session() as session:
        goods = await offers.goods_of(session, event.supplier_id)
    for good_id in goods:
        async with runtime.database.master_session() as session:
            await writing.follow_cost(session, good_id)


@follows(PricesChanged, queue="prices")
async def tell_owners(event: PricesChanged, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001
    await service.tell_owners(runtime.database, change_id=event.change_id, good_id=event.good_id)


@follows(PreviewWanted, queue="prices")
async def preview(event: PreviewWanted, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001
    await service.preview(runtime.database, event.change_id)
