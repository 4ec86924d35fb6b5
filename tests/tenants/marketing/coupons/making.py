"""Coupons for tests, and orders that use them."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from kameng.core import ids
from tenants.marketing.coupons import queries, service
from tenants.marketing.coupons.queries import Kept
from tenants.marketing.coupons.service import CouponDraft, Limits
from tenants.orders import service as orders
from tenants.orders.service import WALLET, OrderDraft, Placed
from tests.support.house import Shop

LIMITS = ("most", "most_per_buyer", "starts_at", "ends_at", "note")
USES = text("SELECT state, lines, discount_cents FROM coupon_uses WHERE coupon_id = :id ORDER BY created_at, subject")


async def coupon(shop: Shop, code: str = "", **terms: Any) -> Kept:
    """A coupon of the shop; of ¥1.00 unless `terms` say otherwise."""
    limits = Limits(**{name: terms.pop(name) for name in LIMITS if name in terms})
    values: dict[str, Any] = {"kind": "fixed", "amount_cents": 100} | terms
    draft = CouponDraft(**values, limits=limits)
    async with shop.tenant.begin() as session:
        coupon_id = await service.add(session, code or f"C{ids.code(8)}", draft, "test")
        return await queries.coupon(session, coupon_id)


async def counts(shop: Shop, made: Kept) -> tuple[int, int, int, int]:
    """How it stands: taken, used, discount and revenue in cents."""
    async with shop.tenant.begin() as session:
        now = await queries.coupon(session, made.id)
    return now.taken, now.used, now.discount_cents, now.revenue_cents


async def uses_of(shop: Shop, made: Kept) -> list[tuple[str, int, int]]:
    async with shop.tenant.begin() as session:
        return [tuple(row) for row in await session.execute(USES, {"id": made.id})]


async def buy_with(
    shop: Shop, buyer_id: UUID, code: str, *, quantity: int = 1, pay_method: str = WALLET, request_key: str = ""
) -> Placed:
    """Places an order of the shop's product with a coupon."""
    draft = OrderDraft(
        product_id=shop.product_id,
        quantity=quantity,
        pay_method=pay_method,
        request_key=request_key or ids.code(20),
        coupon=code,
    )
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return await orders.place(session, vault, buyer_id, draft)
