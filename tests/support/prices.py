"""What tests of prices need: the tier of a shop, changes of its prices that were looked at and applied."""

from decimal import Decimal

from sqlalchemy import text

from billing.wholesale import changes
from billing.wholesale import queries as wholesale
from billing.wholesale.change_lines import Line, Value
from tests.support.house import Shop


async def tier_of(shop: Shop) -> int:
    """The station's tier."""
    async with shop.runtime.database.master_session() as session:
        row = await session.execute(text("SELECT tier_id FROM tenants WHERE id = :id"), {"id": shop.tenant.id})
        return int(row.scalar_one())


async def quoted(shop: Shop) -> Decimal | None:
    """What the station is told to pay."""
    async with shop.tenant.begin() as session:
        quote = (await wholesale.quotes(session, [shop.good_id])).get(shop.good_id)
    return quote.wholesale_price if quote else None


async def draft(shop: Shop, *lines: Line, allows_loss: bool = False) -> int:
    async with shop.runtime.database.master_session() as session:
        return await changes.draft(
            session, lines, source="form", reason="a test", by="boss", allows_loss=allows_loss
        )  # fmt: skip


async def applied(shop: Shop, *lines: Line, allows_loss: bool = False) -> int:
    """A change of prices that holds; its number."""
    change_id = await draft(shop, *lines, allows_loss=allows_loss)
    async with shop.runtime.database.master_session() as session:
        await changes.apply(session, change_id, "boss")
    return change_id


async def priced(shop: Shop, price: str = "", rule: str = "", floor: str = "") -> Line:
    """A line that prices the shop's good in its tier."""
    value = Value(
        price=Decimal(price) if price else None, rule=rule, floor=Decimal(floor) if floor else None
    )  # fmt: skip
    return Line(kind="tier", tier_id=await tier_of(shop), good_id=shop.good_id, after=value)
