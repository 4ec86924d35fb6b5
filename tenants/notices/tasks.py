"""What the master's operators are told of. Letters may be anybody's: what they name is read, not what they say."""

from billing.payouts import queries as payouts
from billing.payouts.service import PayoutAsked
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant
from supplier_gateway.catalogue.applying import CostsHeld
from supplier_gateway.suppliers.service import SupplierBalanceLow
from tenants.notices import service


@follows(PayoutAsked)
async def tell_of_payout(event: PayoutAsked, _: Tenant | None, runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        payout = await payouts.payout(session, event.payout_id)
        station = await runtime.directory.tenant(payout.tenant_id)
        await service.tell_once(session, "payout_asked", str(payout.id), name=station.name, cents=payout.amount_cents)


@follows(SupplierBalanceLow)
async def tell_of_balance(event: SupplierBalanceLow, tenant: Tenant | None, runtime: Runtime) -> None:
    if tenant is None:
        async with runtime.database.master_session() as session:
            await service.tell(
                session, "supplier_balance_low", str(event.supplier_id), name=event.name, cents=event.balance_cents
            )


@follows(CostsHeld)
async def tell_of_jump(event: CostsHeld, tenant: Tenant | None, runtime: Runtime) -> None:
    if tenant is None:
        async with runtime.database.master_session() as session:
            await service.tell(session, "catalogue_jump", str(event.supplier_id), name=event.name)
