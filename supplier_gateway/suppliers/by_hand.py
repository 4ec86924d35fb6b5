"""The supplier who is a person: what he settles, the purchase hears of in the same transaction. Master session."""

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.crypto import Sealer
from supplier_gateway.adapters.manual import service as manual
from supplier_gateway.adapters.manual.service import Delivery, ManualTask
from supplier_gateway.suppliers import service


async def deliver(session: AsyncSession, sealer: Sealer, task_id: int, person: str, delivery: Delivery) -> ManualTask:
    """Raises as `manual.service.deliver`."""
    task = await manual.deliver(session, sealer, task_id, person, delivery)
    await service.called(session, task.supplier_id, task.reference)
    return task


async def fail(session: AsyncSession, task_id: int, person: str, reason: str) -> ManualTask:
    """Raises as `manual.service.fail`."""
    task = await manual.fail(session, task_id, person, reason)
    await service.called(session, task.supplier_id, task.reference)
    return task
