"""Notices in words, at a station and at the master: what happened, how bad it is, where it can be mended."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from admin_ui import words
from kameng.core.money import format_cents
from kameng.infra.dns import readable_name
from kameng.web.i18n import gettext, ngettext
from kameng.web.pages import when, yuan
from tenants.aftersale.facts import KINDS
from tenants.notices.kinds import FAILED
from tenants.notices.queries import Notice

PLAN_NOTICES = frozenset({"plan_ends", "plan_short", "plan_overdue", "orders_near_limit", "orders_used_up"})


class Told(Struct, frozen=True):
    """A notice in words. `href` leads to what it is about."""

    notice: Notice
    kind: str
    text: str
    href: str


def orders_of(notices: Sequence[Notice]) -> list[str]:
    """The numbers of the orders that notices are about."""
    return [notice.subject for notice in notices if notice.kind == "order_waits"]


def told(notices: Sequence[Notice], waiting: set[str]) -> list[Told]:
    """Notices as the overview shows them. Of an order that waits no longer nobody needs to be told, and on a
    kind without words nobody could act.
    """
    current = [one for one in notices if one.kind != "order_waits" or one.subject in waiting]
    return [said for notice in current if (said := say(notice))]


def say(notice: Notice) -> Told | None:
    """One notice of a station; nothing for a kind that has no words."""
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
    if notice.kind == "case_opened":
        about = words.say("case", str(notice.detail.get("about", "")))
        text = gettext("Order %(no)s needs a person: %(about)s.", no=notice.subject, about=about)
        return Told(notice, "wait", text, f"/console/desk/cases/{notice.detail.get('case', '')}")
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
    if notice.kind == "deposit_short":
        text = gettext(
            "The deposit of %(amount)s lasts for less than three days at the pace of the last week. Pay in before.",
            amount=_cents(notice),
        )
        return Told(notice, "wait", text, "/console/money")
    if notice.kind in PLAN_NOTICES:
        return _say_of_plan(notice)
    if notice.kind == FAILED:
        return _say_of_channel(notice, "/console/notices/settings")
    return _say_of_money(notice) or _say_pricing(notice) or _say_price(notice) or _say_domain(notice)


def say_at_master(notice: Notice) -> Told | None:
    """One notice of the master; nothing for a kind that has no words."""
    name, amount = str(notice.detail.get("name", "")), _cents(notice)
    if notice.kind == "supplier_balance_low":
        text = gettext("At %(name)s %(amount)s is left. Pay in to go on buying there.", name=name, amount=amount)
        return Told(notice, "bad", text, f"/suppliers/{notice.subject}")
    if notice.kind == "payout_asked":
        text = gettext("%(name)s asks for a withdrawal of %(amount)s.", name=name, amount=amount)
        return Told(notice, "wait", text, f"/payouts/{notice.subject}")
    if notice.kind == "station_overdue":
        text = gettext("The deposit of %(name)s did not cover %(amount)s for its plan.", name=name, amount=amount)
        return Told(notice, "wait", text, f"/tenants/{notice.subject.partition(':')[0]}")
    if notice.kind == "catalogue_jump":
        text = gettext("%(name)s changes its prices by a lot at once. They wait for your approval.", name=name)
        return Told(notice, "wait", text, f"/suppliers/{notice.subject}")
    if notice.kind == "audit_broken":
        text = gettext("The audit log of chain %(chain)s does not hold together at line %(line)s.",
                       chain=notice.subject, line=notice.detail.get("line", ""))  # fmt: skip
        return Told(notice, "bad", text, "/audit")
    return _say_of_channel(notice, "/notices/settings") if notice.kind == FAILED else None


def _say_of_channel(notice: Notice, href: str) -> Told:
    why = words.say("notice_answer", str(notice.detail.get("code", "")))
    text = gettext("A notice could not be sent on %(name)s: %(why)s.", name=notice.detail.get("name", ""), why=why)
    return Told(notice, "wait", text, href)


def _say_of_money(notice: Notice) -> Told | None:
    """Withdrawals that were decided, refunds that did not go through."""
    no, cents = notice.subject, _cents(notice)
    if notice.kind == "payout_paid":
        text = gettext("Withdrawal %(no)s is paid: %(amount)s.", no=no, amount=cents)
        return Told(notice, "ok", text, "/console/withdrawals")
    if notice.kind == "payout_declined":
        text = gettext("Withdrawal %(no)s was declined: %(why)s", no=no, why=notice.detail.get("reason", ""))
        return Told(notice, "bad", text, "/console/withdrawals")
    if notice.kind == "refund_unknown":
        text = gettext("Nobody knows whether the gateway gave %(amount)s back for order %(no)s.", no=no, amount=cents)
        return Told(notice, "bad", text, f"/console/orders/{no}")
    if notice.kind == "refund_failed":
        text = gettext("The gateway refused to give %(amount)s back for order %(no)s.", no=no, amount=cents)
        return Told(notice, "wait", text, f"/console/orders/{no}")
    return None


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


def _cents(notice: Notice) -> str:
    return format_cents(int(notice.detail.get("cents", 0)))


def _day(moment: str) -> str:
    return when(datetime.fromisoformat(moment), "%Y-%m-%d") if moment else ""
