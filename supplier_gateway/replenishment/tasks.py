"""Replenishing without a person, and after his click. Shells."""

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows, periodic
from kameng.infra.tenancy import Tenant
from supplier_gateway.goods.errors import GoodGone
from supplier_gateway.offers.service import OfferLow
from supplier_gateway.replenishment import ordering, queries, service
from supplier_gateway.replenishment.service import GoodWanted, ReplenishmentAsked
from supplier_gateway.suppliers.service import SupplierCalled


@follows(GoodWanted)
async def remind(event: GoodWanted, _: Tenant, runtime: Runtime) -> None:
    """The letter is a station's: it can remind of a good that there is, and no more."""
    async with runtime.database.master_session() as session:
        try:
            await _want(session, event.good_id, event.units, event.order_no[:40], event.cause[:40])
        except GoodGone:
            return


@follows(OfferLow)
async def remind_of_offer(event: OfferLow, _: None, runtime: Runtime) -> None:
    """A supplier runs out: own cards bridge it."""
    async with runtime.database.master_session() as session:
        await _want(session, event.good_id, 0, "", "offer_low")


@periodic(seconds=15)
async def watch_cards(runtime: Runtime) -> None:
    """Own cards at their level, goods that orders wait for, and orders that nobody is at."""
    async with runtime.database.master_session() as session:
        for good_id, cause in await queries.low(session):
            await _want(session, good_id, 0, "", cause)
        await ordering.send_stranded(session)


async def _want(session: AsyncSession, good_id: int, units: int, order_no: str, cause: str) -> None:
    wanted = await service.want(session, good_id, units, order_no, cause)
    if wanted is not None:
        await service.order_by_itself(session, wanted)


@follows(ReplenishmentAsked, queue="orders")
async def order_cards(event: ReplenishmentAsked, _: None, runtime: Runtime) -> None:
    await ordering.advance(runtime, event.id)


@follows(SupplierCalled, queue="orders")
async def wake_replenishment(event: SupplierCalled, _: None, runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        await ordering.wake(session, event.supplier_id, event.reference)
