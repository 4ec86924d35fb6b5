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

REASONS = {
    "out_of_stock": N_("No supplier has it in stock; it is tried again by itself"),
    "supplier_down": N_("The supplier does not answer; it is tried again by itself"),
    "checking": N_("The supplier is being asked what became of it"),
    "not_paid": N_("No payment came in time"),
    "money_in_wallet": N_("It could not be charged; the money stays in the buyer's wallet"),
    "cancelled": N_("The buyer's machine cancelled it; the money is back"),
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
DOMAIN_ERRORS = {  # the others name what was seen: admin_ui.domain_words
    "no_proof": N_("Neither the TXT record nor the file was found. New records can take an hour to be seen."),
    "no_address": N_("The domain has no address yet: it still has to be pointed here."),
    "unknown": N_("Its name servers did not answer in time, so nothing is known; it is asked again by itself."),
    "taken": N_("Another station has proved that the domain is its own."),
}
PROOFS = {
    "given": N_("Given by the master"),
    "txt": N_("TXT record"),
    "cname": N_("CNAME record"),
    "file": N_("File"),
    "operator": N_("Vouched for by the operator"),
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
    "plan": N_("Plan"),
    "opening": N_("Opening fee received"),
    "opening_fee": N_("Opening fee earned"),
    "opening_refund": N_("Opening fee given back"),
    "online_deposit": N_("Deposit paid in online"),
}
ACCOUNTS = {
    "wallet": N_("Buyer's wallet"),
    "deposit": N_("Deposit"),
    "revenue": N_("Revenue"),
    "gateway": N_("Payment gateway"),
    "applicant": N_("Money of an applicant"),
    "master_revenue": N_("Master's revenue"),
    "master_bank": N_("Master's bank account"),
    "supplier_cost": N_("Cost of goods"),
    "supplier_wallet": N_("Balance at the supplier"),
    "card_stock": N_("Card stock"),
    "master": N_("Master station"),
}
SOURCES = {  # of a change of prices
    "form": N_("By hand"),
    "list": N_("Price list"),
    "special": N_("Special price"),
    "default": N_("Default rule"),
    "revert": N_("Taken back"),
}
BASES = {"tier": N_("Price of the tier"), "special": N_("Special price")}
BUYERS = {"guest": N_("Guest"), "member": N_("Member")}
PAY_METHODS = {"wallet": N_("Wallet")}
PURPOSES = {"topup": N_("Top-up"), "order": N_("Order")}
FLAG_SOURCES = {
    "default": N_("Default"),
    "rollout": N_("Roll-out"),
    "plan": N_("Plan"),
    "policy": N_("Set by the master"),
    "choice": N_("Chosen by the station"),
    "killed": N_("Switched by the kill switch"),
}
FLAG_MODES = {"force": N_("Forced"), "lock": N_("Locked"), "allow": N_("The station may choose")}
FLAG_KINDS = {"boolean": N_("On or off"), "number": N_("Number"), "choice": N_("One of several")}
PURPOSES = {
    "topup": N_("Top-up"),
    "order": N_("Order"),
    "opening": N_("Opening fee"),
    "deposit": N_("Deposit paid in online"),
}
MODES = {
    "closed": N_("Nobody may apply"),
    "review": N_("We look at each application"),
    "automatic": N_("Opened without a person"),
}
BLOCKS = {  # why a station cannot be opened as it was asked for
    "slug_taken": N_("The short name was taken in the meantime"),
    "login_taken": N_("The login was taken in the meantime"),
}
PROTOCOLS = {"stock": N_("Own card stock"), "sandbox": N_("Sandbox supplier")}
ACTIONS = {
    "staff.sign_in": N_("Signed in"),
    "staff.add": N_("Added staff"),
    "staff.invite": N_("Invited somebody"),
    "staff.invite_again": N_("Renewed an invitation"),
    "staff.invite_revoke": N_("Revoked an invitation"),
    "staff.join": N_("Took up an invitation"),
    "staff.role": N_("Changed somebody's role"),
    "staff.disable": N_("Shut somebody out"),
    "staff.enable": N_("Let somebody in again"),
    "staff.remove": N_("Removed somebody from the team"),
    "roles.add": N_("Added a role"),
    "roles.change": N_("Changed a role"),
    "roles.delete": N_("Deleted a role"),
    "delegations.add": N_("Lent a permission"),
    "delegations.revoke": N_("Took a lent permission back"),
    "account.rename": N_("Changed the own name"),
    "account.password": N_("Changed the own password"),
    "account.link": N_("Linked an identity"),
    "account.unlink": N_("Unlinked an identity"),
    "identity.provider": N_("Set the sign-in provider"),
    "stations.enter": N_("Entered a station's console"),
    "visits.begin": N_("The master station's visit began"),
    "visits.end": N_("The master station's visit ended"),
    "orders.refund": N_("Refunded an order"),
    "keys.issue": N_("Issued an API key"),
    "keys.revoke": N_("Revoked an API key"),
    "products.add": N_("Listed a product"),
    "products.change": N_("Changed a product"),
    "products.show": N_("Put a product on sale"),
    "products.hide": N_("Took a product off sale"),
    "features.choose": N_("Switched a feature"),
    "features.undo": N_("Took back the choice of a feature"),
    "flags.policy": N_("Set the policy of a feature"),
    "flags.policy_drop": N_("Took back the policy of a feature"),
    "flags.plan": N_("Set a feature in a plan"),
    "flags.rollout": N_("Rolled out a feature"),
    "flags.rollout_stop": N_("Ended the roll-out of a feature"),
    "flags.forget": N_("Deleted what was kept of an old feature"),
    "channels.add": N_("Added a payment channel"),
    "channels.pause": N_("Paused a payment channel"),
    "channels.resume": N_("Resumed a payment channel"),
    "domains.claim": N_("Added a domain"),
    "domains.check": N_("Had a domain checked"),
    "domains.withdraw": N_("Withdrew a domain"),
    "domains.serve": N_("A domain was proved"),
    "domains.primary": N_("Changed the main domain"),
    "domains.remove": N_("Removed a domain"),
    "domains.give": N_("Gave a sub-domain"),
    "domains.force": N_("Vouched for a domain"),
    "notices.read": N_("Marked a notice as read"),
    "branding.save": N_("Changed the look"),
    "branding.undo": N_("Took the last change of the look back"),
    "pages.add": N_("Added a page"),
    "pages.change": N_("Changed a page"),
    "pages.undo": N_("Took the last change of a page back"),
    "pages.delete": N_("Deleted a page"),
    "pages.picture": N_("Added a picture"),
    "pages.drop_picture": N_("Deleted a picture"),
    "stations.open": N_("Opened a station"),
    "stations.import_links": N_("Took the links of new owners"),
    "stations.suspend": N_("Suspended a station"),
    "stations.resume": N_("Reopened a station"),
    "stations.close": N_("Began to close a station"),
    "stations.reopen": N_("Undid the closing of a station"),
    "stations.retire": N_("Closed a station for good"),
    "stations.import": N_("Began to open stations from a file"),
    "stations.tier": N_("Changed a station's tier"),
    "deposits.begin": N_("Began to pay in to the deposit"),
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
    "stations.canary": N_("Chose the canary"),
    "migrations.start": N_("Started a migration"),
    "migrations.retry": N_("Tried failed stations again"),
    "tiers.change": N_("Changed a tier"),
    "tiers.upgrades_on": N_("Had stations move up by themselves"),
    "tiers.upgrades_off": N_("Stopped stations from moving up by themselves"),
    "stations.upgrade": N_("Moved a station up"),
    "prices.draft": N_("Prepared a change of prices"),
    "prices.apply": N_("Changed prices"),
    "prices.schedule": N_("Announced a change of prices"),
    "prices.cancel": N_("Cancelled a change of prices"),
    "prices.discard": N_("Discarded a change of prices"),
    "prices.fail": N_("Could not change prices"),
    "plans.add": N_("Added a plan"),
    "plans.change": N_("Changed a plan"),
    "plans.retire": N_("Retired a plan"),
    "plans.restore": N_("Offered a plan again"),
    "plans.overdue": N_("The deposit did not cover the plan"),
    "plans.paid": N_("The plan was paid after all"),
    "stations.plan": N_("Set a station's plan"),
    "stations.plan_stay": N_("Kept the present plan"),
    "stations.plan_end": N_("Took a station's plan away"),
    "applications.settings": N_("Changed how stations are applied for"),
    "applications.approve": N_("Approved an application"),
    "applications.decline": N_("Declined an application"),
    "applications.refund": N_("Gave an applicant's money back"),
    "applications.open": N_("Opened a station that was applied for"),
    "suppliers.add": N_("Added a supplier"),
    "suppliers.pause": N_("Paused a supplier"),
    "suppliers.resume": N_("Resumed a supplier"),
}
DETAILS = {
    "canary": N_("canary"),
    "value": N_("value"),
    "accent": N_("accent"),
    "active": N_("active"),
    "added": N_("added"),
    "contact": N_("other contact"),
    "contacts": N_("contacts"),
    "email": N_("e-mail"),
    "hours": N_("opening hours"),
    "phone": N_("phone"),
    "qq": "QQ",
    "telegram": "Telegram",
    "wechat": N_("WeChat"),
    "identity": N_("identity"),
    "invited_by": N_("invited by"),
    "mode": N_("kind of visit"),
    "permission": N_("permission"),
    "permissions": N_("permissions"),
    "reason": N_("reason"),
    "removed": N_("removed"),
    "role_before": N_("role before"),
    "until": N_("until"),
    "visitor": N_("visitor"),
    "at": N_("at"),
    "cost": N_("cost"),
    "deposit_cents": N_("deposit"),
    "file": N_("file"),
    "amount_cents": N_("amount"),
    "domain": N_("domain"),
    "duplicates": N_("there already"),
    "favicon": N_("icon"),
    "error": N_("error"),
    "from": N_("from"),
    "good": N_("good"),
    "hosts": N_("hosts"),
    "key": N_("key"),
    "kind": N_("kind"),
    "lines": N_("lines"),
    "login": N_("login"),
    "logo": N_("logo"),
    "merchant": N_("merchant"),
    "month": N_("month"),
    "name": N_("name"),
    "note": N_("note"),
    "notice": N_("notice"),
    "plan": N_("plan"),
    "order": N_("order"),
    "path": N_("address"),
    "price": N_("price"),
    "prices": N_("prices"),
    "priority": N_("priority"),
    "proof": N_("proof"),
    "rank": N_("rank"),
    "role": N_("role"),
    "signs": N_("characters"),
    "sha256": N_("checksum"),
    "sku": N_("article"),
    "slug": N_("short name"),
    "state": N_("state"),
    "remind_on": N_("reminder"),
    "share": N_("share in percent"),
    "station": N_("station"),
    "stock": N_("stock"),
    "supplier": N_("supplier"),
    "theme": N_("theme"),
    "tier": N_("tier"),
    "title": N_("title"),
    "to": N_("to"),
    "turnover_cents": N_("turnover"),
    "is_offered": N_("offered to everybody"),
    "max_orders_month": N_("orders a month"),
    "max_products": N_("products on sale"),
    "max_staff": N_("accounts of staff"),
    "opening_fee_cents": N_("opening fee"),
    "period_months": N_("months that it pays for"),
    "price_cents": N_("price"),
    "trial_days": N_("days of trial"),
}

_BADGES: Mapping[str, Mapping[str, Badge]] = {
    "order": ORDERS,
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
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "reason": REASONS,
    "fault": FAULTS,
    "refusal": REFUSALS,
    "domain_error": DOMAIN_ERRORS,
    "proof": PROOFS,
    "transfer": TRANSFERS,
    "account": ACCOUNTS,
    "source": SOURCES,
    "basis": BASES,
    "buyer": BUYERS,
    "pay_method": PAY_METHODS,
    "purpose": PURPOSES,
    "flag_source": FLAG_SOURCES,
    "flag_mode": FLAG_MODES,
    "flag_kind": FLAG_KINDS,
    "protocol": PROTOCOLS,
    "mode": MODES,
    "block": BLOCKS,
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


def codes_saying(family: str, part: str) -> list[str]:
    """The codes of a `family` (reason, action, ...) whose word, in the reader's language, holds `part`."""
    return [code for code, word in _WORDS[family].items() if part.lower() in gettext(word).lower()]


def states(family: str) -> list[str]:
    """The codes of a family, in the order in which filters show them."""
    return list(_BADGES[family])
