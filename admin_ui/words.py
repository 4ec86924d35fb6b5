"""What the codes of the database are called, in the reader's language, and which colour a state has."""

from collections.abc import Mapping

from msgspec import Struct

from kameng.web.i18n import N_, gettext
from kameng.web.people import TITLES


class Badge(Struct, frozen=True):
    """How a state is shown: `kind` is one of the kit's (ok, wait, bad, info, off)."""

    kind: str
    word: str


ORDERS = {
    "unpaid": Badge("info", N_("Not paid")),
    "paid": Badge("wait", N_("Being delivered")),
    "waiting": Badge("wait", N_("Waiting")),
    "delivered": Badge("ok", N_("Delivered")),
    "expired": Badge("off", N_("Expired")),
    "refunded": Badge("off", N_("Refunded")),
}
PRODUCTS = {"on_sale": Badge("ok", N_("On sale")), "hidden": Badge("off", N_("Hidden"))}
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
IMPORT_LINES = {
    "waiting": Badge("wait", N_("To be opened")),
    "opened": Badge("ok", N_("Opened")),
    "refused": Badge("bad", N_("Refused")),
}
GOODS = {"active": Badge("ok", N_("Offered")), "withdrawn": Badge("off", N_("Withdrawn"))}
PURCHASES = {
    "submitted": Badge("wait", N_("Under way")),
    "unknown": Badge("wait", N_("Not known yet")),
    "delivered": Badge("ok", N_("Delivered")),
    "failed": Badge("bad", N_("Failed")),
}

REASONS = {
    "out_of_stock": N_("No supplier has it in stock; it is tried again by itself"),
    "supplier_down": N_("The supplier does not answer; it is tried again by itself"),
    "checking": N_("The supplier is being asked what became of it"),
    "not_paid": N_("No payment came in time"),
    "money_in_wallet": N_("It could not be charged; the money stays in the buyer's wallet"),
    "not_delivered": N_("It could not be delivered within a day; the money is back"),
}
FAULTS = {
    "unreachable": N_("The supplier could not be reached; nothing was sent"),
    "timeout": N_("The supplier did not answer in time"),
    "out_of_stock": N_("The supplier has none left"),
    "balance": N_("Our balance at the supplier does not cover it"),
    "refused": N_("The supplier refused"),
    "not_found": N_("The supplier knows no such order"),
    "unreadable": N_("The supplier's answer could not be understood"),
}
REFUSALS = {  # why a gateway's notice was not believed
    "sign_type": N_("Its signature is wrong"),
    "sign": N_("Its signature is wrong"),
    "pid": N_("It is for another merchant"),
    "channel": N_("It came for another channel"),
    "out_trade_no": N_("It is about another payment"),
    "payment_no": N_("It is about another payment"),
    "trade_no": N_("The gateway's number is missing"),
    "trade_status": N_("It does not say that it is paid"),
    "money": N_("Its amount differs"),
    "amount": N_("Its amount differs"),
}
TRANSFERS = {
    "sale": N_("Sale"),
    "reversal": N_("Sale given back"),
    "topup": N_("Wallet topped up"),
    "deposit": N_("Deposit paid in"),
    "withdrawal": N_("Deposit paid out"),
    "purchase": N_("Bought from the supplier"),
    "card_cost": N_("Cost of cards"),
}
ACCOUNTS = {
    "wallet": N_("Buyer's wallet"),
    "deposit": N_("Deposit"),
    "revenue": N_("Revenue"),
    "gateway": N_("Payment gateway"),
    "master_revenue": N_("Master's revenue"),
    "master_bank": N_("Master's bank account"),
    "supplier_cost": N_("Cost of goods"),
    "supplier_wallet": N_("Balance at the supplier"),
    "card_stock": N_("Card stock"),
    "master": N_("Master station"),
}
BUYERS = {"guest": N_("Guest"), "member": N_("Member")}
PAY_METHODS = {"wallet": N_("Wallet")}
PURPOSES = {"topup": N_("Top-up"), "order": N_("Order")}
PROTOCOLS = {"stock": N_("Own card stock"), "sandbox": N_("Sandbox supplier")}
ACTIONS = {
    "staff.sign_in": N_("Signed in"),
    "staff.add": N_("Added staff"),
    "orders.refund": N_("Refunded an order"),
    "products.add": N_("Listed a product"),
    "products.change": N_("Changed a product"),
    "products.show": N_("Put a product on sale"),
    "products.hide": N_("Took a product off sale"),
    "channels.add": N_("Added a payment channel"),
    "channels.pause": N_("Paused a payment channel"),
    "channels.resume": N_("Resumed a payment channel"),
    "notices.read": N_("Marked a notice as read"),
    "stations.open": N_("Opened a station"),
    "stations.suspend": N_("Suspended a station"),
    "stations.resume": N_("Reopened a station"),
    "stations.close": N_("Began to close a station"),
    "stations.reopen": N_("Undid the closing of a station"),
    "stations.retire": N_("Closed a station for good"),
    "stations.import": N_("Began to open stations from a file"),
    "stations.tier": N_("Changed a station's tier"),
    "deposits.pay_in": N_("Booked a deposit"),
    "deposits.pay_out": N_("Paid a deposit out"),
    "goods.add": N_("Added a good"),
    "goods.change": N_("Changed a good"),
    "goods.withdraw": N_("Withdrew a good"),
    "goods.restore": N_("Offered a good again"),
    "goods.prices": N_("Changed prices"),
    "cards.import": N_("Imported cards"),
    "offers.add": N_("Added an offer"),
    "offers.change": N_("Changed an offer"),
    "offers.pause": N_("Paused an offer"),
    "offers.resume": N_("Resumed an offer"),
    "tiers.add": N_("Added a tier"),
    "tiers.rename": N_("Renamed a tier"),
    "suppliers.add": N_("Added a supplier"),
    "suppliers.pause": N_("Paused a supplier"),
    "suppliers.resume": N_("Resumed a supplier"),
}
DETAILS = {
    "accent": N_("accent"),
    "added": N_("added"),
    "cost": N_("cost"),
    "deposit_cents": N_("deposit"),
    "file": N_("file"),
    "amount_cents": N_("amount"),
    "duplicates": N_("there already"),
    "from": N_("from"),
    "good": N_("good"),
    "hosts": N_("hosts"),
    "kind": N_("kind"),
    "lines": N_("lines"),
    "login": N_("login"),
    "merchant": N_("merchant"),
    "name": N_("name"),
    "note": N_("note"),
    "order": N_("order"),
    "price": N_("price"),
    "prices": N_("prices"),
    "priority": N_("priority"),
    "reason": N_("reason"),
    "role": N_("role"),
    "sha256": N_("checksum"),
    "sku": N_("article"),
    "slug": N_("short name"),
    "stock": N_("stock"),
    "supplier": N_("supplier"),
    "tier": N_("tier"),
    "to": N_("to"),
    "until": N_("until"),
}

_BADGES: Mapping[str, Mapping[str, Badge]] = {
    "order": ORDERS,
    "product": PRODUCTS,
    "payment": PAYMENTS,
    "gateway_notice": NOTICES_OF_GATEWAY,
    "switch": SWITCHES,
    "station": STATIONS,
    "import_line": IMPORT_LINES,
    "good": GOODS,
    "purchase": PURCHASES,
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "reason": REASONS,
    "fault": FAULTS,
    "refusal": REFUSALS,
    "transfer": TRANSFERS,
    "account": ACCOUNTS,
    "buyer": BUYERS,
    "pay_method": PAY_METHODS,
    "purpose": PURPOSES,
    "protocol": PROTOCOLS,
    "action": ACTIONS,
    "detail": DETAILS,
    "role": TITLES,
}


def badge(family: str, code: str) -> Badge:
    """The state `code` of a `family` (order, product, ...), translated. An unknown code is shown as it is."""
    known = _BADGES[family].get(code)
    return Badge(known.kind, gettext(known.word)) if known else Badge("info", code)


def say(family: str, code: str) -> str:
    """The word for `code` of a `family` (reason, fault, ...), translated. An unknown code stays as it is."""
    known = _WORDS[family].get(code)
    return gettext(known) if known else code


def states(family: str) -> list[str]:
    """The codes of a family, in the order in which filters show them."""
    return list(_BADGES[family])
