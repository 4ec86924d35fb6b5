"""What tests of the desk do again and again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.orders import queries, service
from tenants.orders.service import Placed
from tests.support.house import Shop, open_shop, work_off

NOWHERE = "http://127.0.0.1:9"


async def short_shop(runtime: Runtime, **more: Any) -> Shop:
    """A shop whose supplier is away, so that orders wait."""
    return await open_shop(runtime, supplier_url=NOWHERE, supplier_sku="sku", supplier_secret="s", **more)


async def waiting(shop: Shop, reason: str = "out_of_stock", contact: str = "", cents: int = 1_000) -> Placed:
    """An order that waits; its letters have been read."""
    placed = await shop.buy(await shop.buyer(wallet_cents=cents))
    async with shop.runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM outbox WHERE payload->>'order_id' = :id"), {"id": str(placed.id)})
    async with shop.tenant.begin() as session:
        if contact:
            await session.execute(
                text("UPDATE orders SET contact = :c WHERE no = :no"), {"c": contact, "no": placed.no}
            )
        await service.wait(session, await queries.order(session, placed.id), reason)
    await work_off(shop.runtime)
    return placed


async def rows(shop: Shop, statement: str, **values: object) -> Sequence[Any]:
    async with shop.tenant.begin() as session:
        return (await session.execute(text(statement), values)).all()


async def case_of(shop: Shop, no: str) -> Any:
    """The order's only case."""
    (found,) = await rows(shop, "SELECT * FROM desk_cases WHERE order_no = :no", no=no)
    return found


async def make_due(shop: Shop) -> None:
    """As if the hour of every rule had come."""
    async with shop.runtime.database.master_session() as session:
        await session.execute(text("UPDATE outbox SET due_at = now() WHERE tenant_id = :id"), {"id": shop.tenant.id})
    await work_off(shop.runtime)
