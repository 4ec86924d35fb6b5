"""Money for the buyers of these tests."""

from sqlalchemy import text

from kameng.core import ids
from tests.support.browser_client import Browser
from tests.support.house import Shop

NEWEST = text("SELECT id FROM buyers ORDER BY id DESC LIMIT 1")
TOPUP = text("SELECT post_topup(:no, 'test', CAST(:buyer AS text), :cents)")


async def fill_wallet(shop: Shop, _: Browser, cents: int) -> None:
    """Gives the station's newest buyer money."""
    async with shop.tenant.begin() as session:
        buyer = (await session.execute(NEWEST)).scalar_one()
        await session.execute(TOPUP, {"no": ids.code(12), "buyer": buyer, "cents": cents})
