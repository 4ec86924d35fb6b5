"""Taking a coupon, and giving it back. The caller opens the transaction; nothing here commits.

Locks are taken in one order: the use, the coupon, the buyer's count of it; and all of them after cards and before a
wallet. Nothing is asked of an order without a coupon. docs/adr/0028.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra.driver import driver
from kameng.web.pages import when
from tenants.marketing.coupons import queries, worth
from tenants.marketing.coupons.errors import CouponUsedUp
from tenants.marketing.coupons.worth import Coupon, Line

# Check and change in one. Whoever waits for the coupon's row looks again at what the other one has left in it; the
# buyer's own count is a row too, for a count of uses would be that of the moment before the wait.
TAKE = """
    WITH taken AS (
        UPDATE coupons SET taken = taken + 1, used = used + %(used)s, discount_cents = discount_cents + %(given)s,
               revenue_cents = revenue_cents + %(revenue)s
        WHERE id = %(id)s AND state = 'active' AND (most IS NULL OR taken < most)
            AND (starts_at IS NULL OR starts_at <= now()) AND (ends_at IS NULL OR ends_at > now())
        RETURNING id, most_per_buyer
    ), counted AS (
        INSERT INTO coupon_buyers AS b (coupon_id, buyer_id, taken) SELECT id, %(buyer_id)s, 1 FROM taken
        ON CONFLICT (coupon_id, buyer_id) DO UPDATE SET taken = b.taken + 1
            WHERE b.taken < coalesce((SELECT most_per_buyer FROM taken), 2147483647)
        RETURNING coupon_id
    )
    INSERT INTO coupon_uses (subject, coupon_id, buyer_id, state, lines, discount_cents)
    SELECT %(subject)s, coupon_id, %(buyer_id)s, %(state)s, %(lines)s, %(discount)s FROM counted
"""
CHARGED = """
    WITH old AS (SELECT subject, state FROM coupon_uses WHERE subject = %(subject)s AND state <> 'released' FOR UPDATE),
    use AS (
        UPDATE coupon_uses u SET state = 'used', changed_at = now() FROM old WHERE u.subject = old.subject
        RETURNING u.coupon_id, old.state = 'reserved' AS is_first
    )
    UPDATE coupons c SET used = used + use.is_first::int, discount_cents = c.discount_cents + %(discount)s,
           revenue_cents = c.revenue_cents + %(total)s
    FROM use WHERE c.id = use.coupon_id
"""
# The last of its lines gives the use back, to the coupon and to the buyer.
ENDED = """
    WITH old AS (
        SELECT subject, state FROM coupon_uses
        WHERE subject = %(subject)s AND state <> 'released' AND lines > 0 FOR UPDATE
    ), use AS (
        UPDATE coupon_uses u SET lines = u.lines - 1, changed_at = now(),
               state = CASE WHEN u.lines = 1 THEN 'released' ELSE u.state END
        FROM old WHERE u.subject = old.subject
        RETURNING u.coupon_id, u.buyer_id, (u.state = 'released')::int AS freed,
                  (u.state = 'released' AND old.state = 'used')::int AS unused
    ), coupon AS (
        UPDATE coupons c SET taken = c.taken - use.freed, used = c.used - use.unused,
               discount_cents = c.discount_cents - %(discount)s, revenue_cents = c.revenue_cents - %(total)s
        FROM use WHERE c.id = use.coupon_id RETURNING c.id, use.buyer_id, use.freed
    )
    UPDATE coupon_buyers b SET taken = b.taken - coupon.freed
    FROM coupon WHERE b.coupon_id = coupon.id AND b.buyer_id = coupon.buyer_id
"""


class Redeemed(Struct, frozen=True):
    """What a coupon takes off each line, in cents."""

    coupon: Coupon
    cents: list[int]

    @property
    def total_cents(self) -> int:
        return sum(self.cents)


async def look(session: AsyncSession, code: str, buyer_id: UUID | None, lines: Sequence[Line]) -> Redeemed:
    """What the coupon would take off now. Raises `CouponRefused`, each reason in its own words."""
    coupon = await queries.by_code(session, code)
    holder = await queries.holder(session, coupon.id, buyer_id)
    worth.check(coupon, holder, clock.now(), when(coupon.starts_at))
    fitting = await queries.fitting(session, coupon, [line.product_id for line in lines])
    return Redeemed(coupon, worth.discounts(coupon, lines, fitting))


async def take(
    session: AsyncSession, code: str, buyer_id: UUID, subject: str, lines: Sequence[Line], *, is_paid: bool
) -> Redeemed:
    """Takes the coupon for an order or a basket, `subject`: reserved until its payment comes, or used with this
    transaction where it `is_paid` in it. Raises `CouponRefused`."""
    found = await look(session, code, buyer_id, lines)
    off = found.total_cents
    asked = {
        "id": found.coupon.id,
        "buyer_id": buyer_id,
        "subject": subject,
        "state": "used" if is_paid else "reserved",
        "used": int(is_paid),
        "lines": sum(cents > 0 for cents in found.cents),
        "discount": off,
        "given": off if is_paid else 0,
        "revenue": _revenue(found, lines) if is_paid else 0,
    }
    if (await driver(session).execute(TAKE, asked)).rowcount:
        return found
    await look(session, code, buyer_id, lines)  # what has changed since says why
    raise CouponUsedUp


def _revenue(found: Redeemed, lines: Sequence[Line]) -> int:
    """What is charged for the lines that it takes something off."""
    return sum(line.cents + line.more_cents - off for line, off in zip(lines, found.cents, strict=True) if off)


async def charged(session: AsyncSession, subject: str, total_cents: int, discount_cents: int) -> None:
    """An order that had the coupon reserved is charged."""
    asked = {"subject": subject, "total": total_cents, "discount": discount_cents}
    await driver(session).execute(CHARGED, asked)


async def ended(session: AsyncSession, subject: str, total_cents: int = 0, discount_cents: int = 0) -> None:
    """An order that counted on the coupon has ended with nothing delivered; the amounts are what it was charged, if it
    was. Call once for each order, in the transaction that moves it."""
    asked = {"subject": subject, "total": total_cents, "discount": discount_cents}
    await driver(session).execute(ENDED, asked)
