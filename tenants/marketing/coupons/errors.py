"""Why a coupon does not count. Each says what the buyer can do; none is about another buyer."""

from kameng.core.errors import Conflict, NotFound, Refused


class CouponGone(NotFound):
    message = "There is no such coupon."


class CouponTaken(Conflict):
    message = "There is a coupon with this code already. Choose another code."


class CouponRefused(Refused):
    """A buyer's coupon does not count for what he buys; at the field `coupon`."""

    def __init__(self, **params: object) -> None:
        super().__init__(None, field="coupon", **params)


class CouponUnknown(CouponRefused):
    message = "No coupon has this code. Check how it is written."


class CouponStopped(CouponRefused):
    message = "This coupon has been stopped by the shop."


class CouponNotYet(CouponRefused):
    message = "This coupon counts from %(from_)s on."


class CouponOver(CouponRefused):
    message = "The time of this coupon is over."


class CouponUsedUp(CouponRefused):
    message = "This coupon has been used up by others. You have not been charged."


class CouponUsedBefore(CouponRefused):
    message = "You have used this coupon as often as one buyer may: %(most)s."


class CouponForMembers(CouponRefused):
    message = "This coupon is for members. Log in or register, and it counts."


class CouponNotForThis(CouponRefused):
    message = "This coupon is for other products."


class CouponTooLittle(CouponRefused):
    message = "This coupon counts from %(least)s on; what it is for comes to %(has)s."


class CouponWorthNothing(CouponRefused):
    message = "This coupon would take nothing off this order."
