"""Reading coupons."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.marketing.coupons.errors import CouponGone, CouponUnknown
from tenants.marketing.coupons.worth import Coupon, Holder

CODE = re.compile(r"[A-Z0-9-]{3,32}")
MOST_IN_FILE = 10_000

TERMS = """c.id, c.code, c.kind, c.amount_cents, c.percent, c.cap_cents, c.least_cents, c.scope, c.scope_ids, c.most,
    c.most_per_buyer, c.members_only, c.starts_at, c.ends_at, c.state, c.taken"""
KEPT = f"{TERMS}, c.batch, c.note, c.used, c.discount_cents, c.revenue_cents, c.made_by, c.created_at"
BY_CODE = text(f"SELECT {TERMS} FROM coupons c WHERE c.code = :code")  # noqa: S608 - the constants above
ONE = text(f"SELECT {KEPT} FROM coupons c WHERE c.id = :id")  # noqa: S608 - as above
HOLDER = text(
    """
    SELECT coalesce((SELECT taken FROM coupon_buyers WHERE coupon_id = :id AND buyer_id = CAST(:buyer AS uuid)), 0),
           EXISTS (SELECT 1 FROM buyers WHERE id = CAST(:buyer AS uuid) AND kind = 'member')
    """
)
# A product counts with its head, whose categories and all that are below the chosen ones it stands in.
FITTING = text(
    """
    WITH RECURSIVE below AS (
        SELECT id FROM categories WHERE :scope = 'categories' AND id = ANY(CAST(:scope_ids AS bigint[]))
        UNION SELECT c.id FROM categories c JOIN below b ON c.parent_id = b.id
    )
    SELECT p.id FROM products p LEFT JOIN products h ON h.id = p.variant_of
    WHERE p.id = ANY(CAST(:ids AS bigint[])) AND (
        :scope = 'products' AND (p.id = ANY(CAST(:scope_ids AS bigint[])) OR h.id = ANY(CAST(:scope_ids AS bigint[])))
        OR :scope = 'categories' AND coalesce(h.category_id, p.category_id) IN (SELECT id FROM below))
    """
)
# How a coupon stands: what is stopped is stopped, whatever else is true of it.
STANDING = """CASE WHEN c.state = 'stopped' THEN 'stopped' WHEN c.ends_at <= now() THEN 'over'
    WHEN c.taken >= c.most THEN 'used_up' WHEN c.starts_at > now() THEN 'soon' ELSE 'active' END"""
LISTED = f"""
    SELECT * FROM (SELECT {KEPT}, {STANDING} AS standing FROM coupons c
                   WHERE (:words = '' OR c.code ILIKE :pattern OR c.note ILIKE :pattern OR c.batch ILIKE :pattern)
                       AND (:batch = '' OR c.batch = :batch)) AS found
    WHERE :state = '' OR standing = :state
    ORDER BY id DESC
"""  # noqa: S608 - of the constants above
STANDS = text(f"SELECT {STANDING} FROM coupons c WHERE c.id = :id")  # noqa: S608 - as above
STANDINGS = ("active", "soon", "used_up", "over", "stopped")
FILE = text(f"{LISTED} LIMIT {MOST_IN_FILE}")
# A use with the orders that stand on it: one, or those of a basket.
USES = """
    SELECT u.subject, u.state, u.discount_cents, u.created_at, u.changed_at, b.login, b.kind, b.id AS buyer_id,
           (SELECT array_agg(o.no ORDER BY o.no) FROM orders o
            WHERE o.coupon_id = :id AND (o.no = u.subject OR o.basket_no = u.subject AND o.basket_no <> '')) AS orders
    FROM coupon_uses u JOIN buyers b ON b.id = u.buyer_id
    WHERE u.coupon_id = :id AND (:state = '' OR u.state = :state)
    ORDER BY u.created_at DESC, u.subject
"""
BATCHES = text(
    "SELECT batch, count(*) AS codes FROM coupons WHERE batch <> '' GROUP BY batch ORDER BY max(id) DESC LIMIT 50"
)
PRODUCTS = text(
    """
    SELECT id, name FROM products WHERE variant_of IS NULL AND archived_at IS NULL ORDER BY position, id LIMIT 500
    """
)
NAMES = text("SELECT name FROM products WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY position, id")


class Kept(Coupon, frozen=True, kw_only=True):
    """A coupon as its owner sees it: also what came of it."""

    batch: str
    note: str
    used: int
    discount_cents: int
    revenue_cents: int
    made_by: str
    created_at: datetime

    @property
    def left(self) -> int | None:
        """Uses that are left; None without an end."""
        return None if self.most is None else self.most - self.taken


def code_of(written: str) -> str:
    """A code as it is kept. Raises `CouponUnknown` for what is none."""
    code = written.strip().upper()
    if not CODE.fullmatch(code):
        raise CouponUnknown
    return code


async def by_code(session: AsyncSession, written: str) -> Coupon:
    """Raises `CouponUnknown`."""
    row = (await session.execute(BY_CODE, {"code": code_of(written)})).one_or_none()
    if row is None:
        raise CouponUnknown
    return Coupon(**row._mapping)


async def coupon(session: AsyncSession, coupon_id: int) -> Kept:
    """Raises `CouponGone`."""
    row = (await session.execute(ONE, {"id": coupon_id})).one_or_none()
    if row is None:
        raise CouponGone
    return Kept(**row._mapping)


async def holder(session: AsyncSession, coupon_id: int, buyer_id: UUID | None) -> Holder:
    """What counts about whoever wants to use it."""
    if buyer_id is None:
        return Holder(0, is_member=False)
    return Holder(*(await session.execute(HOLDER, {"id": coupon_id, "buyer": buyer_id})).one())


async def fitting(session: AsyncSession, coupon: Coupon, product_ids: Sequence[int]) -> frozenset[int]:
    """Those of the products that the coupon is for."""
    if coupon.scope == "all":
        return frozenset(product_ids)
    asked = {"scope": coupon.scope, "scope_ids": coupon.scope_ids, "ids": list(product_ids)}
    return frozenset((await session.execute(FITTING, asked)).scalars())


async def batches(session: AsyncSession) -> Sequence[tuple[str, int]]:
    """Codes that were made together, newest first: `(batch, codes)`."""
    return [(row.batch, row.codes) for row in await session.execute(BATCHES)]


async def products(session: AsyncSession) -> Sequence[tuple[int, str]]:
    """What a coupon can be for: `(id, name)`, heads for their variants."""
    return [(row.id, row.name) for row in await session.execute(PRODUCTS)]


async def product_names(session: AsyncSession, product_ids: Sequence[int]) -> Sequence[str]:
    return list((await session.execute(NAMES, {"ids": list(product_ids)})).scalars())


async def standing(session: AsyncSession, coupon_id: int) -> str:
    """How it stands now: one of `STANDINGS`."""
    return str((await session.execute(STANDS, {"id": coupon_id})).scalar_one())


async def in_file(session: AsyncSession, asked: dict[str, Any]) -> Sequence[Any]:
    """The list without pages, as far as a file goes."""
    return (await session.execute(FILE, asked)).all()
