"""The forms of coupons: what the owner writes, and what they are drawn with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kameng.core.errors import Invalid
from kameng.core.money import to_cents, to_yuan
from kameng.web import i18n
from kameng.web.forms import Form
from kameng.web.i18n import N_
from tenants.marketing.coupons.queries import Kept
from tenants.marketing.coupons.service import MOST_AT_ONCE, CouponDraft, Limits
from tenants.marketing.coupons.worth import Kind, Scope

MOMENT = "%Y-%m-%dT%H:%M"
Yuan = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "50000", "places": 2})]
Uses = Annotated[int, Meta(ge=1, le=10_000_000)]
Time = Annotated[str, Meta(max_length=20)]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]

KINDS: dict[Kind, str] = {
    "fixed": N_("An amount off"),
    "threshold": N_("An amount off from a total on"),
    "percent": N_("A percentage off"),
}
SCOPES: dict[Scope, str] = {
    "all": N_("All products"),
    "categories": N_("Some categories"),
    "products": N_("Some products"),
}


class LimitsForm(Struct, frozen=True, kw_only=True):
    """What of a coupon can be changed later. Times are of the station's clocks."""

    most: Uses | None = None
    most_per_buyer: Uses | None = None
    starts_at: Time = ""
    ends_at: Time = ""
    note: Annotated[str, Meta(max_length=200)] = ""

    def limits(self) -> Limits:
        """Raises `Invalid`."""
        moments = {name: _moment(name, getattr(self, name)) for name in ("starts_at", "ends_at")}
        return Limits(most=self.most, most_per_buyer=self.most_per_buyer, note=self.note, **moments)


class CouponForm(LimitsForm, frozen=True, kw_only=True):
    """`how` says whether there is one code of the owner's or many of ours."""

    how: Literal["one", "many"] = "one"
    code: Annotated[str, Meta(max_length=40)] = ""
    count: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)] = 100
    prefix: Annotated[str, Meta(max_length=16)] = ""
    kind: Kind = "fixed"
    amount: Yuan | None = None
    percent: Annotated[int, Meta(ge=1, le=99)] | None = None
    cap: Yuan | None = None
    least: Yuan | None = None
    scope: Scope = "all"
    products: list[Number] = []
    categories: list[Number] = []
    members_only: bool = False

    def draft(self) -> CouponDraft:
        """Raises `Invalid`."""
        chosen = {"all": [], "products": self.products, "categories": self.categories}[self.scope]
        return CouponDraft(
            kind=self.kind,
            amount_cents=_cents(self.amount),
            percent=self.percent,
            cap_cents=_cents(self.cap),
            least_cents=_cents(self.least) or 0,
            scope=self.scope,
            scope_ids=chosen,
            members_only=self.members_only,
            limits=self.limits(),
        )


def _cents(yuan: Decimal | None) -> int | None:
    return None if yuan is None else to_cents(yuan)


def _moment(field: str, written: str) -> datetime | None:
    """A time on the station's clocks; None for nothing. Raises `Invalid`."""
    if not written:
        return None
    try:
        zone = i18n.reader().zone
        return datetime.strptime(written.replace(" ", "T")[:16], MOMENT).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({field: "Write a time such as 2026-12-31 18:00."}) from None


def blank() -> Form:
    """The form of a new coupon."""
    return Form({"how": "one", "kind": "fixed", "scope": "all", "count": "100", "most": "100", "most_per_buyer": "1"})


def filled(coupon: Kept) -> Form:
    """The form of what can be changed of a coupon that is there."""
    zone = i18n.reader().zone
    values = {name: str(getattr(coupon, name) or "") for name in ("most", "most_per_buyer", "note")}
    for name in ("starts_at", "ends_at"):
        at = getattr(coupon, name)
        values[name] = at.astimezone(zone).strftime(MOMENT) if at else ""
    return Form(values)


def yuan_of(cents: int) -> str:
    """An amount without its sign, for files."""
    return str(to_yuan(cents))
