"""A buyer's answer to what he was offered. Tenant session."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tenants.desk import queries, service, swaps
from tenants.desk.states import Result
from tenants.desk.swaps import Swap
from tenants.orders import queries as orders


async def answer(session: AsyncSession, buyer_id: UUID, no: str, swap_id: UUID, *, takes: bool) -> Swap:
    """Raises `OrderGone`, `SwapGone`, and where he takes it what `swaps.accept` raises; then all stays as it is."""
    found = await orders.order_of(session, buyer_id, no)
    order = await orders.order_locked(session, found.id)
    swap = await (swaps.accept if takes else swaps.decline)(session, order, swap_id)
    case = await queries.case(session, swap.case_id, lock=True)
    await service.note(
        session,
        case,
        "swap_taken" if takes else "swap_declined",
        Result.DONE,
        detail={"product": swap.product_name, "amount_cents": swap.total_cents},
    )
    return swap
