"""What tests of tickets do again and again."""

from uuid import UUID

from tenants.aftersale import service
from tenants.aftersale.service import Claim
from tests.support.house import Shop


async def open_ticket(
    shop: Shop,
    buyer_id: UUID,
    *,
    order_no: str = "",
    order_id: UUID | None = None,
    body: str = "It does not work.",
    kind: str = "key_invalid",
) -> str:
    """A ticket; its number."""
    claim = Claim(
        buyer_id=buyer_id,
        order_id=order_id,
        order_no=order_no,
        kind=kind,
        subject="月卡 × 1",
        contact="13800000000",
        body=body,
    )
    async with shop.tenant.begin() as session:
        return (await service.open_ticket(session, shop.tenant, claim)).no
