"""States, and which colour each has."""

from collections.abc import Mapping

from msgspec import Struct

from kameng.web.i18n import N_


class Badge(Struct, frozen=True):
    """How a state is shown: `kind` is one of the kit's (ok, wait, bad, info, off)."""

    kind: str
    word: str


ORDERS = {
    "unpaid": Badge("info", N_("Not paid")),
    "paid": Badge("wait", N_("Being delivered")),
    "waiting": Badge("wait", N_("Waiting")),
    "delivered": Badge("ok", N_("Delivered")),
    "partial": Badge("wait", N_("Delivered in part")),
    "expired": Badge("off", N_("Expired")),
    "cancelled": Badge("off", N_("Cancelled")),
    "refunded": Badge("off", N_("Refunded")),
}
TICKETS = {
    "open": Badge("wait", N_("To answer")),
    "answered": Badge("ok", N_("Answered")),
    "waiting": Badge("info", N_("Waiting for the buyer")),
    "closed": Badge("off", N_("Closed")),
}
PRODUCTS = {"on_sale": Badge("ok", N_("On sale")), "hidden": Badge("off", N_("Hidden"))}
PAGES = {"published": Badge("ok", N_("Published")), "draft": Badge("off", N_("Draft"))}
PAYMENTS = {"pending": Badge("wait", N_("Not confirmed")), "paid": Badge("ok", N_("Received"))}
NOTICES_OF_GATEWAY = {
    "believed": Badge("ok", N_("Believed")),
    "not_confirmed": Badge("wait", N_("Not confirmed")),
    "refused": Badge("bad", N_("Refused")),
}
SWITCHES = {"active": Badge("ok", N_("Active")), "paused": Badge("off", N_("Paused"))}
STATIONS = {
    "trial": Badge("info", N_("On trial")),
    "active": Badge("ok", N_("Open")),
    "overdue": Badge("bad", N_("Overdue")),
    "suspended": Badge("bad", N_("Suspended")),
    "closing": Badge("wait", N_("Closing")),
    "closed": Badge("off", N_("Closed")),
}
DOMAINS = {
    "served": Badge("ok", N_("Leads to the shop")),
    "strayed": Badge("bad", N_("Does not lead here")),
    "pending": Badge("wait", N_("Not served yet")),
    "proved": Badge("ok", N_("Proved")),
    "lapsed": Badge("off", N_("Given up")),
    "lost": Badge("bad", N_("Lost")),
}
PLANS = {
    "offered": Badge("ok", N_("Offered to everybody")),
    "inward": Badge("info", N_("Given by us only")),
    "retired": Badge("off", N_("Retired")),
}
APPLICATIONS = {
    "unpaid": Badge("info", N_("Fee not paid")),
    "review": Badge("wait", N_("To be decided")),
    "opening": Badge("wait", N_("Being opened")),
    "blocked": Badge("bad", N_("Waits for the applicant")),
    "open": Badge("ok", N_("Open")),
    "declined": Badge("off", N_("Declined")),
    "expired": Badge("off", N_("Expired")),
}
IMPORT_LINES = {
    "waiting": Badge("wait", N_("To be opened")),
    "opened": Badge("ok", N_("Is open")),
    "refused": Badge("bad", N_("Refused")),
}
GOODS = {"active": Badge("ok", N_("Offered")), "withdrawn": Badge("off", N_("Withdrawn"))}
PRICE_CHANGES = {
    "draft": Badge("info", N_("To be looked at")),
    "scheduled": Badge("wait", N_("Announced")),
    "applied": Badge("ok", N_("Applied")),
    "failed": Badge("bad", N_("Not applied")),
    "cancelled": Badge("off", N_("Cancelled")),
    "discarded": Badge("off", N_("Discarded")),
}
SPECIAL_PRICES = {
    "valid": Badge("ok", N_("Valid")),
    "coming": Badge("wait", N_("To come")),
    "ended": Badge("off", N_("Over")),
}
EFFECTS = {
    "loss": Badge("bad", N_("Sold at a loss")),
    "floor": Badge("wait", N_("Below the minimum")),
    "gone": Badge("off", N_("Not offered any more")),
}
PURCHASES = {
    "submitted": Badge("wait", N_("Under way")),
    "unknown": Badge("wait", N_("Not known yet")),
    "delivered": Badge("ok", N_("Delivered")),
    "failed": Badge("bad", N_("Failed")),
}
RUNS = {
    "running": Badge("wait", N_("Under way")),
    "done": Badge("ok", N_("Finished")),
    "stopped": Badge("bad", N_("Stopped")),
    "broken_off": Badge("off", N_("Broken off")),
}
NOTICE_DELIVERIES = {
    "waiting": Badge("wait", N_("Waits")),
    "sending": Badge("wait", N_("Under way")),
    "sent": Badge("ok", N_("Sent")),
    "unknown": Badge("wait", N_("Not known")),
    "dead": Badge("bad", N_("Given up")),
    "dropped": Badge("off", N_("Not needed any more")),
}
NOTICE_OUTCOMES = {  # of the last message on a channel, a test too
    "sent": Badge("ok", N_("Sent")),
    "unknown": Badge("wait", N_("Not known")),
    "again": Badge("wait", N_("Tried again")),
    "refused": Badge("bad", N_("Refused")),
    "dead": Badge("bad", N_("Given up")),
}

BADGES: Mapping[str, Mapping[str, Badge]] = {
    "order": ORDERS,
    "ticket": TICKETS,
    "product": PRODUCTS,
    "page": PAGES,
    "payment": PAYMENTS,
    "gateway_notice": NOTICES_OF_GATEWAY,
    "switch": SWITCHES,
    "station": STATIONS,
    "domain": DOMAINS,
    "import_line": IMPORT_LINES,
    "good": GOODS,
    "price_change": PRICE_CHANGES,
    "special_price": SPECIAL_PRICES,
    "price_effect": EFFECTS,
    "plan": PLANS,
    "application": APPLICATIONS,
    "purchase": PURCHASES,
    "run": RUNS,
    "notice_delivery": NOTICE_DELIVERIES,
    "notice_outcome": NOTICE_OUTCOMES,
}
