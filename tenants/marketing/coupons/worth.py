"""What a coupon takes off, and off which line. Pure; amounts in cents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from kameng.core.money import format_cents
from tenants.marketing.coupons.errors import (
    CouponForMembers,
    CouponNotForThis,
    CouponNotYet,
    CouponOver,
    CouponStopped,
    CouponTooLittle,
    CouponUsedBefore,
    CouponUsedUp,
    CouponWorthNothing,
)

Kind = Literal["fixed", "threshold", "percent"]
Scope = Literal["all", "products", "categories"]


class Coupon(Struct, frozen=True, kw_only=True):
    """The terms of a coupon, and how often it was taken. `least_cents` is what that which it is for must come to."""

    id: int
    code: str
    kind: Kind
    amount_cents: int | None
    percent: int | None
    cap_cents: int | None
    least_cents: int
    scope: Scope
    scope_ids: list[int]
    most: int | None
    most_per_buyer: int | None
    members_only: bool
    starts_at: datetime | None
    ends_at: datetime | None
    state: str
    taken: int

    def off(self, cents: int) -> int:
        """What it takes off goods of this price."""
        if self.percent is None:
            return min(self.amount_cents or 0, cents)
        share = (cents * self.percent + 50) // 100  # half up
        return min(share, self.cap_cents or share)


class Holder(Struct, frozen=True):
    """Who wants to use it: how often he has, and whether he is a member."""

    had: int
    is_member: bool


class Line(Struct, frozen=True):
    """One product of an order: what its units cost without anything off, and what is charged beside them."""

    product_id: int
    cents: int
    more_cents: int = 0


def check(coupon: Coupon, holder: Holder, now: datetime, shown: str) -> None:
    """Whether it counts at all; `shown` is its beginning in the reader's words. Raises `CouponRefused`."""
    if coupon.state != "active":
        raise CouponStopped
    if coupon.starts_at is not None and now < coupon.starts_at:
        raise CouponNotYet(from_=shown)
    if coupon.ends_at is not None and now >= coupon.ends_at:
        raise CouponOver
    if coupon.members_only and not holder.is_member:
        raise CouponForMembers
    if coupon.most is not None and coupon.taken >= coupon.most:
        raise CouponUsedUp
    if coupon.most_per_buyer is not None and holder.had >= coupon.most_per_buyer:
        raise CouponUsedBefore(most=coupon.most_per_buyer)


def discounts(coupon: Coupon, lines: Sequence[Line], fitting: frozenset[int]) -> list[int]:
    """What comes off each line; `fitting` are the products that it is for. Raises `CouponRefused`."""
    weights = [line.cents if line.product_id in fitting else 0 for line in lines]
    whole = sum(weights)
    if not whole:
        raise CouponNotForThis
    if whole < coupon.least_cents:
        raise CouponTooLittle(least=format_cents(coupon.least_cents), has=format_cents(whole))
    off = coupon.off(whole)
    if not off:
        raise CouponWorthNothing
    return spread(off, weights)


def spread(cents: int, weights: Sequence[int]) -> list[int]:
    """`cents` in parts as large as `weights` say, to the cent: by the largest remainder (Hamilton's method; of equal
    remainders the earlier line has it). No part exceeds its weight while `cents` does not exceed their sum."""
    whole = sum(weights)
    parts = [cents * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-(cents * weights[n] % whole), n))
    for n in by_remainder[: cents - sum(parts)]:
        parts[n] += 1
    return parts
