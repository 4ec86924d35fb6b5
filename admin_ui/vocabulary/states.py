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
PRODUCTS = {
    "on_sale": Badge("ok", N_("On sale")),
    "hidden": Badge("off", N_("Hidden")),
    "archived": Badge("off", N_("In the bin")),
}
PAGES = {"published": Badge("ok", N_("Published")), "draft": Badge("off", N_("Draft"))}
PAYMENTS = {"pending": Badge("wait", N_("Not confirmed")), "paid": Badge("ok", N_("Received"))}
NOTICES_OF_GATEWAY = {
    "believed": Badge("ok", N_("Believed")),
    "not_confirmed": Badge("wait", N_("Not confirmed")),
    "refused": Badge("bad", N_("Refused")),
}
REFUNDS = {
    "pending": Badge("wait", N_("The gateway is asked")),
    "unknown": Badge("bad", N_("Not known yet")),
    "done": Badge("ok", N_("Given back")),
    "failed": Badge("off", N_("Refused by the gateway")),
}
PAYOUTS = {
    "requested": Badge("wait", N_("To be decided")),
    "paid": Badge("ok", N_("Paid out")),
    "declined": Badge("bad", N_("Declined")),
    "cancelled": Badge("off", N_("Cancelled")),
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
    "opened": Badge("ok", N_("Was opened")),
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
MANUAL_TASKS = {
    "open": Badge("wait", N_("To be delivered")),
    "delivered": Badge("ok", N_("Delivered")),
    "partial": Badge("wait", N_("Delivered in part")),
    "failed": Badge("bad", N_("Failed")),
}
PURCHASES = {
    "submitted": Badge("wait", N_("Being bought")),
    "unknown": Badge("wait", N_("Not known yet")),
    "delivered": Badge("ok", N_("Delivered")),
    "partial": Badge("wait", N_("Delivered in part")),
    "failed": Badge("bad", N_("Failed")),
}
OFFERS = {
    "active": Badge("ok", N_("Active")),
    "paused": Badge("off", N_("Paused")),
    "held": Badge("wait", N_("Cost has jumped")),
    "gone": Badge("bad", N_("Vanished at the supplier")),
}
ARTICLES = {
    "new": Badge("info", N_("New upstream")),
    "adopted": Badge("ok", N_("Offered")),
    "ignored": Badge("off", N_("Put away")),
    "vanished": Badge("bad", N_("Vanished")),
}
SYNCS = {
    "running": Badge("wait", N_("Under way")),
    "held": Badge("wait", N_("Waits for you")),
    "applied": Badge("ok", N_("In force")),
    "declined": Badge("off", N_("Thrown away")),
    "failed": Badge("bad", N_("Failed")),
}
REPLENISHMENTS = {
    "wanted": Badge("wait", N_("To order")),
    "submitted": Badge("info", N_("Ordered from the supplier")),
    "unknown": Badge("wait", N_("Not known yet")),
    "received": Badge("ok", N_("Received all")),
    "partial": Badge("wait", N_("Received in part")),
    "failed": Badge("bad", N_("Failed")),
    "dismissed": Badge("off", N_("Put away")),
}
STATION_REPLENISHMENTS = {
    "wanted": Badge("wait", N_("To order")),
    "ordered": Badge("info", N_("Ordered from the supplier")),
    "partial": Badge("wait", N_("Received in part")),
    "received": Badge("ok", N_("Received all")),
    "dismissed": Badge("off", N_("Put away")),
}
BREAKERS = {
    "closed": Badge("ok", N_("Is asked")),
    "half_open": Badge("wait", N_("Tried with the next order")),
    "open": Badge("bad", N_("Not asked for now")),
}
CARDS = {
    "pool": Badge("ok", N_("For sale")),
    "held": Badge("wait", N_("Held by an order")),
    "frozen": Badge("info", N_("Frozen")),
    "recycled": Badge("off", N_("In the recycle bin")),
    "sold": Badge("off", N_("Sold")),
}
CARD_IMPORTS = {
    "waiting": Badge("wait", N_("Begins in a moment")),
    "running": Badge("wait", N_("Under way")),
    "done": Badge("ok", N_("Finished")),
    "cancelled": Badge("off", N_("Cancelled")),
}
LIST_EXPORTS = {one: CARD_IMPORTS[one] for one in ("running", "done", "cancelled")}
STOCK = {
    "low": Badge("bad", N_("Low")),
    "out": Badge("bad", N_("Sold out")),
    "own": Badge("info", N_("Own cards")),
    "master": Badge("info", N_("From the master")),
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

PRICE_SETS = {
    "held": Badge("bad", N_("Stopped")),
    "draft": Badge("wait", N_("To be decided")),
    "applied": Badge("ok", N_("Applied")),
    "discarded": Badge("off", N_("Discarded")),
}
FEED_HEALTH = {
    "healthy": Badge("ok", N_("Answers")),
    "new": Badge("wait", N_("Being asked")),
    "stale": Badge("bad", N_("Stale: not followed")),
    "failing": Badge("bad", N_("Fails")),
    "paused": Badge("off", N_("Paused")),
}
PRICE_VERDICTS = {
    "ok": Badge("ok", N_("Believed")),
    "absurd": Badge("bad", N_("Not believed: no real price")),
    "jump": Badge("bad", N_("Not believed: unlike its own past")),
    "odd": Badge("bad", N_("Not believed: unlike other feeds")),
    "far": Badge("bad", N_("Not believed: far from your price")),
}
COUPONS = {
    "active": Badge("ok", N_("Counts")),
    "soon": Badge("info", N_("Counts later")),
    "used_up": Badge("off", N_("Used up")),
    "over": Badge("off", N_("Its time is over")),
    "stopped": Badge("bad", N_("Stopped")),
}
COUPON_USES = {
    "reserved": Badge("wait", N_("Reserved until it is paid")),
    "used": Badge("ok", N_("Redeemed")),
    "released": Badge("off", N_("Given back to the coupon")),
}

BADGES: Mapping[str, Mapping[str, Badge]] = {
    "order": ORDERS,
    "ticket": TICKETS,
    "product": PRODUCTS,
    "page": PAGES,
    "payment": PAYMENTS,
    "gateway_notice": NOTICES_OF_GATEWAY,
    "refund": REFUNDS,
    "payout": PAYOUTS,
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
    "manual_task": MANUAL_TASKS,
    "purchase": PURCHASES,
    "offer": OFFERS,
    "article": ARTICLES,
    "sync": SYNCS,
    "replenishment": REPLENISHMENTS,
    "station_replenishment": STATION_REPLENISHMENTS,
    "breaker": BREAKERS,
    "run": RUNS,
    "price_set": PRICE_SETS,
    "feed_health": FEED_HEALTH,
    "price_verdict": PRICE_VERDICTS,
    "card": CARDS,
    "card_import": CARD_IMPORTS,
    "list_export": LIST_EXPORTS,
    "stock": STOCK,
    "notice_delivery": NOTICE_DELIVERIES,
    "notice_outcome": NOTICE_OUTCOMES,
    "coupon": COUPONS,
    "coupon_use": COUPON_USES,
}
