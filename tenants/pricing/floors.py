"""The least price of a product. Pure.

From what a buyer is asked for one unit the station keeps `price * (1 - coupon) * (1 - fee - commission)`: a coupon is
taken off first, the gateway and whoever is paid a commission then take their shares of what is paid. A floor is the
price at which that covers the wholesale price, or covers it and leaves the owner's margin.
"""

from decimal import Decimal

from msgspec import Struct

from tenants.pricing import rounding

ZERO, ONE = Decimal(0), Decimal(1)
LEAST_KEPT = Decimal("0.05")  # of what is paid; shares that leave less are refused where they are typed


class Shares(Struct, frozen=True):
    """What goes off a price, as shares from 0 to 1: the gateway's fee, commissions, and the largest coupon allowed."""

    fee: Decimal = ZERO
    commission: Decimal = ZERO
    coupon: Decimal = ZERO


class Floor(Struct, frozen=True):
    """`price`: the least list price in yuan, which a coupon may still be taken off. `paid`: the least that a unit may
    be paid for in the end. `because`: cost, margin, least or minimum; empty where nothing bounds it."""

    price: Decimal
    paid: Decimal
    because: str


def floor(
    wholesale: Decimal | None,
    shares: Shares,
    *,
    min_resale: Decimal | None = None,
    margin: Decimal = ZERO,
    least: Decimal | None = None,
) -> Floor:
    """The highest of, in this order: the landed cost, the master's minimum resale price, the owner's own: a `margin`
    (share of the price that must be left) and a `least` price in yuan. Whichever is first at that height is named.

    `wholesale` is yuan for one unit, None for a product whose cost nobody knows. Rounded up, so a price that is not
    below it never is by a fraction."""
    bounds = [("cost", *landed(wholesale, shares))]
    bounds.append(("minimum", min_resale or ZERO, min_resale or ZERO))
    bounds.append(("margin", *landed(wholesale, shares, margin)))
    bounds.append(("least", least or ZERO, least or ZERO))
    highest = max(price for _, price, _ in bounds)
    because = next(name for name, price, _ in bounds if price == highest) if highest else ""
    return Floor(highest, max(paid for _, _, paid in bounds), because)


def landed(wholesale: Decimal | None, shares: Shares, margin: Decimal = ZERO) -> tuple[Decimal, Decimal]:
    """The list price, and the amount paid for a unit, at which the wholesale price is covered and `margin` of what is
    paid is left."""
    if wholesale is None:
        return ZERO, ZERO
    kept = max(ONE - shares.fee - shares.commission - margin, LEAST_KEPT)
    paid = wholesale / kept
    return rounding.up(paid / max(ONE - shares.coupon, LEAST_KEPT)), rounding.up(paid)


def kept_of(price: Decimal, wholesale: Decimal, shares: Shares) -> Decimal:
    """The margin: the share of `price`, paid without a coupon, that the station is left with."""
    return ONE - shares.fee - shares.commission - wholesale / price
