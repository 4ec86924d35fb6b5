"""Codes that are no states: reasons, faults, kinds of money, kinds of people."""

from collections.abc import Mapping

from admin_ui.vocabulary.log import ACTIONS, DETAILS
from kameng.web.i18n import N_
from kameng.web.people import TITLES

REASONS = {
    "out_of_stock": N_("No supplier has it in stock; it is tried again by itself"),
    "supplier_down": N_("The supplier does not answer; it is tried again by itself"),
    "checking": N_("The supplier is being asked what became of it"),
    "wrong_input": N_("The supplier does not accept what was filled in"),
    "not_paid": N_("No payment came in time"),
    "money_in_wallet": N_("It could not be charged; the money stays in the buyer's wallet"),
    "cancelled": N_("The buyer's machine cancelled it; the money is back"),
    "not_delivered": N_("It could not be delivered in time; the money is back"),
    "called_off": N_("It was called off before it was paid"),
    "by_hand": N_("It is delivered by hand"),
    "part_delivered": N_("A part has come"),
    "swapped": N_("The buyer took another product; the money is back"),
    "by_rule": N_("A rule of the desk gave the money back"),
    "by_desk": N_("The desk gave the money back"),
    "corrected": N_("What was filled in was corrected"),
}
FAULTS = {
    "unreachable": N_("The supplier could not be reached; nothing was sent"),
    "timeout": N_("The supplier did not answer in time"),
    "out_of_stock": N_("The supplier has none left"),
    "balance": N_("Our balance at the supplier does not cover it"),
    "price": N_("The supplier asks for more than we allowed; nothing was bought"),
    "input": N_("The account, or what else the buyer filled in, is wrong"),
    "refused": N_("The supplier refused"),
    "not_found": N_("The supplier knows no such order"),
    "unreadable": N_("The supplier's answer could not be understood"),
    "no_question": N_("The supplier cannot be asked by our reference: look at its own pages, then settle it by hand"),
}
ROUTING_REASONS = {
    "best": N_("It had the best score"),
    "only": N_("No other could be asked"),
    "explored": N_("To see how it does now: not the best by what is known"),
    "probe": N_("It was broken; this order was to show whether it works again"),
    "pinned": N_("The good is pinned to it"),
    "asked_for": N_("A person chose it for this order"),
    "nobody": N_("Nobody could be asked"),
}
LEFT_OUT = {
    "paused": N_("Paused"),
    "no_stock": N_("Not enough in stock"),
    "no_balance": N_("Our balance there does not cover it"),
    "stale_price": N_("Its cost was told too long ago"),
    "low_margin": N_("It leaves too little margin"),
    "breaker": N_("It failed too often just now"),
    "failed_now": N_("It has just failed for this order"),
    "not_pinned": N_("The good is pinned to another supplier"),
    "not_asked_for": N_("A person chose another"),
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
    "part": N_("What was missing of a sale given back"),
    "topup": N_("Wallet topped up"),
    "deposit": N_("Deposit paid in"),
    "withdrawal": N_("Deposit paid out"),
    "purchase": N_("Bought from the supplier"),
    "card_cost": N_("Cost of cards"),
    "replenishment": N_("Cards ordered for stock"),
    "plan": N_("Plan"),
    "opening": N_("Opening fee received"),
    "opening_fee": N_("Opening fee earned"),
    "opening_refund": N_("Opening fee given back"),
    "online_deposit": N_("Deposit paid in online"),
    "collect": N_("Collected by the master station"),
    "release": N_("Holding period over"),
    "refund": N_("Given back after the sale"),
    "refund_undo": N_("Refund refused by the gateway"),
    "payout": N_("Withdrawal asked for"),
    "payout_back": N_("Withdrawal not paid"),
    "payout_paid": N_("Withdrawal paid"),
    "to_deposit": N_("Earnings paid in to the deposit"),
    "wholesale_back": N_("Wholesale price given back"),
}
PAYOUT_METHODS = {"alipay": N_("Alipay"), "bank": N_("Bank transfer"), "usdt": "USDT"}
DEVICES = {"all": N_("Every device"), "phone": N_("Phones only"), "desktop": N_("Computers only")}
ACCOUNTS = {
    "wallet": N_("Buyer's wallet"),
    "deposit": N_("Deposit"),
    "collected": N_("Collected, not yet released"),
    "earnings": N_("Earnings"),
    "payout": N_("Withdrawals on their way"),
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
    "basket": N_("Several orders"),
    "collect": N_("Collected for a station"),
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
PROTOCOLS = {
    "stock": N_("Own card stock"),
    "sandbox": N_("Sandbox supplier"),
    "acg": N_("acg-faka shared store"),
    "acg4": N_("acg-faka V4 open interface"),
    "manual": N_("A person delivers by hand"),
}
GOOD_KINDS = {"cards": N_("Card keys"), "topup": N_("Top-up of an account")}

FEED_KINDS = {
    "acg": N_("Shop that runs acg-faka"),
    "csv": N_("CSV table at an address"),
    "json": N_("JSON at an address"),
}
PRICE_CAUSES = {  # what set a run off
    "schedule": N_("On schedule"),
    "capture": N_("Competitors' prices came in"),
    "cost": N_("A cost changed"),
    "hand": N_("Run by hand"),
    "rollback": N_("Rolled back"),
}
PRICE_SOURCES = {
    "listing": N_("Listed"),
    "hand": N_("By hand"),
    "rule": N_("By rule"),
    "rollback": N_("Rolled back"),
}
PRICE_BOUNDS = {  # what makes a floor
    "cost": N_("what it costs you, with fees"),
    "minimum": N_("the master's minimum"),
    "margin": N_("your least margin"),
    "least": N_("your least price"),
}
PRICE_LIMITS = {"step": N_("one step at a time"), "drift": N_("no further in one day")}
PRICE_STAYS = {  # why the next run leaves a price
    "there": N_("It is where it should be."),
    "small": N_("The difference is too small to move for."),
    "cools": N_("It was changed lately and rests."),
    "turns": N_("It has turned round lately and would turn again."),
    "step": N_("The largest step is less than the smallest unit of its price."),
    "drift": N_("It has moved as far as it may in a day."),
    "unknown": N_("What its rule needs is not known: no cost, or no fresh competitor."),
}
PRICE_RULES = {
    "cost_plus": N_("Cost plus"),
    "follow": N_("Follow competitors"),
    "keep_margin": N_("Keep a margin"),
    "leave": N_("Leave alone"),
}
CARD_WHYS = {  # why a line became no card
    "in_file": N_("Twice in this file"),
    "in_pool": N_("For sale already"),
    "known": N_("Sold, held or set aside already"),
    "control": N_("Holds signs that are not text"),
    "parts": N_("Has not the right number of parts"),
    "too_short": N_("Too short"),
    "too_long": N_("Too long"),
    "prefix": N_("Does not begin as it should"),
    "charset": N_("Holds other signs than are allowed"),
    "pattern": N_("Does not fit the pattern"),
    "label": N_("The part that is shown is missing, too long or the secret itself"),
}
CHARSETS = {
    "any": N_("Any signs"),
    "digits": N_("Digits"),
    "letters": N_("Latin letters"),
    "alnum": N_("Latin letters and digits"),
    "hex": N_("Hexadecimal digits"),
    "ascii": N_("No Chinese and no full-width signs"),
}
SHORTAGES = {  # why more is wanted
    "low": N_("The warning level is reached"),
    "offer_low": N_("The supplier runs low"),
    "short": N_("Orders wait for it"),
    "by_hand": N_("Asked for by a person"),
}
SYNC_CHANGES = {
    "fresh": N_("New upstream"),
    "changed": N_("Has changed"),
    "vanished": N_("Vanished"),
    "returned": N_("Back again"),
    "held": N_("Cost has jumped"),
}
SYNC_ERRORS = FAULTS | {"endless": N_("It does not end."), "outdated": N_("A later reading took its place.")}
REVEALS = {
    "shown": N_("Seen on a page"),
    "file": N_("Taken as a file"),
    "lookup": N_("Seen with the query password"),
    "staff": N_("Staff"),
}
CASES = {
    "payment_timeout": N_("Paid too late"),
    "short_stock": N_("Short of stock"),
    "supplier_failure": N_("Supplier fails"),
    "unknown": N_("Nobody knows what became of it"),
    "wrong_input": N_("Wrong phone or account"),
    "fraud": N_("Suspected fraud"),
}
CASE_CAUSES = {
    "out_of_stock": N_("No supplier has it in stock"),
    "supplier_down": N_("Every supplier that was asked has failed"),
    "checking": N_("A supplier has had the order for more than two minutes and does not say what became of it"),
    "supplier": N_("The supplier says that what was filled in is wrong"),
    "wrong_input": N_("The supplier says that what was filled in is wrong"),
    "check": N_("What was filled in is not what the product asks for"),
    "ticket": N_("The buyer says that the account was wrong"),
    "unpaid": N_("No payment came in time"),
    "not_charged": N_("The payment arrived, and the order could not be charged any more: the money is in the wallet"),
    "paid_late": N_("The payment arrived after the order had ended: the money is in the wallet"),
    "many_of_contact": N_("Many orders of one buyer or contact within an hour"),
    "many_of_input": N_("Many orders for the same account within an hour"),
    "many_of_address": N_("Many orders were opened from one address within an hour"),
    "many_unpaid": N_("Many orders of this buyer were not paid within an hour"),
    "large_and_new": N_("A large first order of somebody who came today"),
}
CASE_SOLUTIONS = {
    "delivered": N_("The order was delivered"),
    "partial": N_("A part was delivered, the rest paid back"),
    "refunded": N_("The money went back"),
    "expired": N_("The order ended unpaid"),
    "cancelled": N_("The order was called off"),
    "closed": N_("Closed by a person"),
}
DESK_ACTS = {
    "opened": N_("The case was opened"),
    "message": N_("Tell the buyer"),
    "replenish": N_("Ask for replenishment"),
    "next_supplier": N_("Ask the next supplier"),
    "buy_again": N_("Buy again"),
    "equivalent": N_("Offer something equivalent"),
    "refund": N_("Give the money back"),
    "person": N_("Ask a person"),
    "assigned": N_("Handed over"),
    "correct": N_("Correct what was filled in"),
    "deliver": N_("Deliver by hand"),
    "solved": N_("Solved"),
    "swap_taken": N_("The buyer took what was offered"),
    "swap_declined": N_("The buyer declined what was offered"),
}
DESK_RESULTS = {
    "done": N_("done"),
    "nothing": N_("there was nothing to do"),
    "under_way": N_("a supplier may still deliver"),
    "too_much": N_("beyond the limit"),
    "failed": N_("did not work"),
}
NOTICE_WAYS = {"email": N_("E-mail"), "telegram": "Telegram", "webhook": "Webhook"}
NOTICE_ANSWERS = {  # what became of a message to a channel of notices
    "taken": N_("It was taken"),
    "no_answer": N_("The connection broke before an answer came"),
    "too_many": N_("The other side wants fewer messages"),
    "other_side_fails": N_("The other side has a fault of its own"),
    "wrong_token": N_("The token of the bot is wrong"),
    "shut_out": N_("The bot may not write there: start a chat with it, or add it to the group"),
    "wrong_chat": N_("There is no such chat, or the bot does not know it yet"),
    "refused": N_("The other side refused it"),
    "not_taken": N_("The other side did not take it"),
    "gone": N_("The address says that it wants no more messages"),
    "unreachable": N_("The other side could not be reached"),
    "private_address": N_("The address leads into a private network"),
    "no_mail_server": N_("No mail server is set up"),
    "broken_off": N_("The program was stopped while it was sending"),
    "channel_removed": N_("The channel was removed"),
    "read": N_("It had been read before it was sent"),
}
NOTICE_HELD = {
    "quiet": N_("until the quiet hours end"),
    "digest": N_("for the digest"),
    "cap": N_("because many messages went out within an hour"),
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "reason": REASONS,
    "fault": FAULTS,
    "routing_reason": ROUTING_REASONS,
    "left_out": LEFT_OUT,
    "refusal": REFUSALS,
    "domain_error": DOMAIN_ERRORS,
    "proof": PROOFS,
    "transfer": TRANSFERS,
    "payout_method": PAYOUT_METHODS,
    "device": DEVICES,
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
    "feed_kind": FEED_KINDS,
    "price_cause": PRICE_CAUSES,
    "price_source": PRICE_SOURCES,
    "price_bound": PRICE_BOUNDS,
    "price_limit": PRICE_LIMITS,
    "price_stays": PRICE_STAYS,
    "price_rule": PRICE_RULES,
    "good_kind": GOOD_KINDS,
    "card_why": CARD_WHYS,
    "shortage": SHORTAGES,
    "sync_change": SYNC_CHANGES,
    "sync_error": SYNC_ERRORS,
    "charset": CHARSETS,
    "reveal": REVEALS,
    "case": CASES,
    "case_cause": CASE_CAUSES,
    "case_solution": CASE_SOLUTIONS,
    "desk_act": DESK_ACTS,
    "desk_result": DESK_RESULTS,
    "mode": MODES,
    "block": BLOCKS,
    "notice_way": NOTICE_WAYS,
    "notice_answer": NOTICE_ANSWERS,
    "notice_held": NOTICE_HELD,
    "action": ACTIONS,
    "detail": DETAILS,
    "role": TITLES,
}
