"""Reading supplier accounts. Master session."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.suppliers.errors import SupplierGone
from supplier_gateway.suppliers.models import Supplier


async def all_suppliers(session: AsyncSession) -> Sequence[Supplier]:
    return (await session.scalars(select(Supplier).order_by(Supplier.id))).all()


async def supplier(session: AsyncSession, supplier_id: int) -> Supplier:
    return await session.get_one(Supplier, supplier_id)


async def find(session: AsyncSession, supplier_id: int) -> Supplier:
    """The same for a number that a person may have made up. Raises `SupplierGone`."""
    found = await session.get(Supplier, supplier_id)
    if found is None:
        raise SupplierGone
    return found


async def watched(session: AsyncSession) -> Sequence[Supplier]:
    """Those that are bought from."""
    return (await session.scalars(select(Supplier).where(Supplier.state == "active").order_by(Supplier.id))).all()


async def named(session: AsyncSession, name: str) -> Supplier | None:
    return await session.scalar(select(Supplier).where(Supplier.name == name))
