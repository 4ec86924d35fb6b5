"""Reading supplier accounts. Master session."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.suppliers.models import Supplier


async def all_suppliers(session: AsyncSession) -> Sequence[Supplier]:
    return (await session.scalars(select(Supplier).order_by(Supplier.id))).all()


async def supplier(session: AsyncSession, supplier_id: int) -> Supplier:
    return await session.get_one(Supplier, supplier_id)
