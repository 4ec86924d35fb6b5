"""What the owner is told, and that it was read."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Struct

from admin_ui import words
from admin_ui.frame import AnyRequest, PathId
from kameng.audit import service as audit
from kameng.core.money import format_cents
from kameng.identity.permissions import Permission
from kameng.infra.dns import readable_name
from kameng.infra.tenancy import Tenant
from kameng.web import answers
from kameng.web.guards import requires
from kameng.web.i18n import gettext, ngettext
from kameng.web.pages import when, yuan
from kameng.web.people import Staff
from tenants.aftersale.facts import KINDS
from tenants.notices import service
from tenants.notices.queries import Notice

MONEY_NOTICES = frozenset({"payout_paid", "payout_declined", "refund_unknown", "refund_failed"})
PLAN_NOTICES = frozenset({"plan_ends", "plan_short", "plan_overdue", "orders_near_limit", "orders_used_up"})


class Told(Struct, frozen=True):
    """A notice in words. `href` leads to what it is about."""

    notice: Notice
    kind: str
    text: str
    href: str


class NoticeController(Controller):
    path = "/console/notices"

    @post("/{notice_id:int}/read", guards=[requires(Permission.NOTICES_READ)])
    async def read(
        self,
        notice_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            await service.read(session, notice_id)
            await audit.record(session, staff.name, "notices.read", str(notice_id), address=staff.address)
        return answers.redirect(request, "/console")


def orders_of(notices: Sequence[Notice]) -> list[str]:
    """The numbers of the orders that notices are about."""
    return [notice.subject for notice in notices if notice.kind == "order_waits"]


def told(notices: Sequence[Notice], waiting: set[str]) -> list[Told]:
    """Notices as the overview shows them. Of an order that waits no longer nobody needs to be told, and on a
    kind without words nobody could act.
    """
    current = [one for one in notices if one.kind != "order_waits" or one.subject in waiting]
    return [said for notice in current if (said := _say(notice))]


def _say(notice: Notice) -> Told | None:
    if notice.kind == "deposit_low":
        text = gettext("An order was refused because your deposit did not cover it. Pay in to go on selling.")
        return Told(notice, "bad", text, "/console/money")
    if notice.kind == "order_waits":
        why = words.say("reason", str(notice.detail.get("reason", "")))
        text = gettext("Order %(no)s waits: %(why)s.", no=notice.subject, why=why)
        return Told(notice, "wait", text, f"/console/orders/{notice.subject}")
    if notice.kind == "ticket_opened":
        about = gettext(KINDS.get(str(notice.detail.get("about", "")), ""))
        text = gettext("A buyer asks for help in ticket %(no)s. %(about)s", no=notice.subject, about=about)
        return Told(notice, "wait", text.strip(), f"/console/tickets/{notice.subject}")
    if notice.kind in MONEY_NOTICES:
        return _say_of_money(notice)
    if notice.kind in PLAN_NOTICES:
        return _say_of_plan(notice)
    if notice.kind == "stock_low":
        name, left = str(notice.detail.get("name", "")), int(notice.detail.get("left", 0))
        text = gettext("%(name)s is sold out.", name=name)
        if left:
            text = ngettext("Of %(name)s %(num)s is left.", "Of %(name)s %(num)s are left.", left, name=name)
        return Told(notice, "wait" if left else "bad", text, "/console/stock?state=low")
    if notice.kind == "replenish":
        name, units = str(notice.detail.get("name", "")), int(notice.detail.get("units", 0))
        text = gettext("Orders wait for %(name)s: order %(units)s more.", name=name, units=units)
        return Told(notice, "wait", text, "/console/replenish")
    return _say_price(notice) or _say_domain(notice)


def _say_of_money(notice: Notice) -> Told:
    """Withdrawals that were decided, refunds that did not go through."""
    no, cents = notice.subject, format_cents(int(notice.detail.get("cents", 0)))
    order = f"/console/orders/{no}"
    return {
        "payout_paid": Told(
            notice, "ok", gettext("Withdrawal %(no)s is paid: %(amount)s.", no=no, amount=cents), "/console/withdrawals"
        ),
        "payout_declined": Told(
            notice,
            "bad",
            gettext("Withdrawal %(no)s was declined: %(why)s", no=no, why=notice.detail.get("reason", "")),
            "/console/withdrawals",
        ),
        "refund_unknown": Told(
            notice,
            "bad",
            gettext("Nobody knows whether the gateway gave %(amount)s back for order %(no)s.", no=no, amount=cents),
            order,
        ),
        "refund_failed": Told(
            notice,
            "wait",
            gettext("The gateway refused to give %(amount)s back for order %(no)s.", no=no, amount=cents),
            order,
        ),
    }[notice.kind]


def _say_price(notice: Notice) -> Told | None:
    name = str(notice.detail.get("name", ""))
    if notice.kind == "below_floor":
        floor = yuan(Decimal(str(notice.detail.get("floor", 0))))
        text = gettext("%(name)s is not sold any more: the master's minimum is %(floor)s now.", name=name, floor=floor)
        return Told(notice, "bad", text, f"/console/products/{notice.subject}")
    if notice.kind == "sold_at_loss":
        price = yuan(Decimal(str(notice.detail.get("price", 0))))
        text = gettext("You lose money on %(name)s: you pay %(price)s for it now.", name=name, price=price)
        return Told(notice, "bad", text, f"/console/products/{notice.subject}")
    if notice.kind == "tier_raised":
        cents = format_cents(int(notice.detail.get("turnover_cents", 0)))
        text = gettext("You bought for %(amount)s last month: from now on you pay better prices.", amount=cents)
        return Told(notice, "ok", text, "/console/prices")
    return _say_pricing(notice)


def _say_pricing(notice: Notice) -> Told | None:
    if notice.kind == "pricing_held":
        moves, of = notice.detail.get("moves", 0), notice.detail.get("of", 0)
        text = gettext("Repricing has stopped: %(moves)s of %(of)s prices would move at once.", moves=moves, of=of)
        return Told(notice, "bad", text, f"/console/pricing/sets/{notice.subject}")
    if notice.kind == "pricing_below_floor":
        count = notice.detail.get("count", 0)
        text = gettext("%(count)s products cost more than they sell for. They are sold again once you approve.",
                       count=count)  # fmt: skip
        return Told(notice, "bad", text, f"/console/pricing/sets/{notice.subject}")
    if notice.kind == "pricing_feed_failed":
        name = str(notice.detail.get("name", ""))
        text = gettext("The price feed %(name)s has not answered for a while; its prices are not followed.", name=name)
        return Told(notice, "wait", text, f"/console/pricing/feeds/{notice.subject}")
    return None


def _say_domain(notice: Notice) -> Told | None:
    domain = readable_name(notice.subject)
    if notice.kind == "domain_served":
        kind, text = "ok", gettext("%(domain)s is proved and leads to your shop now.", domain=domain)
    elif notice.kind == "domain_lost":
        kind, text = "bad", gettext("%(domain)s now belongs to another station, which proved it first.", domain=domain)
    elif notice.kind == "domain_lapsed":
        kind, text = "wait", gettext("%(domain)s was not proved within seven days.", domain=domain)
    elif notice.kind == "domain_strayed":
        kind, text = (
            "bad",
            gettext("%(domain)s no longer leads to your shop. Buyers do not find it there.", domain=domain),
        )
    else:
        return None
    return Told(notice, kind, text, "/console/domains")


def _say_of_plan(notice: Notice) -> Told:
    """What a station pays the master, and how much of its plan it uses."""
    price = format_cents(int(notice.detail.get("cents", 0)))
    day = _day(str(notice.detail.get("until", "")))
    most = notice.detail.get("most", 0)
    kind, text = {
        "plan_ends": (
            "info",
            gettext("%(price)s for your plan is taken from the deposit on %(day)s.", price=price, day=day),
        ),
        "plan_short": (
            "wait",
            gettext(
                "Your plan costs %(price)s on %(day)s and the deposit does not cover it. Pay in before.",
                price=price,
                day=day,
            ),
        ),
        "plan_overdue": (
            "bad",
            gettext(
                "The deposit did not cover %(price)s for your plan: the shop takes no new orders. Pay in to go on.",
                price=price,
            ),
        ),
        "orders_near_limit": (
            "wait",
            gettext(
                "%(orders)s of this month's %(most)s orders are used.", orders=notice.detail.get("orders", 0), most=most
            ),
        ),
        "orders_used_up": (
            "bad",
            gettext(
                "This month's %(most)s orders are used up: the shop takes no new ones. A larger plan goes on at once.",
                most=most,
            ),
        ),
    }[notice.kind]
    return Told(notice, kind, text, "/console/plan")


def _day(moment: str) -> str:
    return when(datetime.fromisoformat(moment), "%Y-%m-%d") if moment else ""
