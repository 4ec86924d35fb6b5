"""The words of the rules that every station begins with, and what templates can name."""

from collections.abc import Mapping

from msgspec import Struct

from kameng.web.i18n import N_, gettext
from tenants.desk.models import Rule

LONGEST = 1000
VARIABLES: Mapping[str, str] = {
    "shop": N_("Name of the shop"),
    "buyer": N_("Name of the buyer, or “customer”"),
    "order": N_("Order number"),
    "product": N_("Product of the order"),
    "quantity": N_("How many were ordered"),
    "amount": N_("What was paid, with ¥"),
    "state": N_("How far the order is"),
    "reason": N_("Why it waits, in a sentence, or nothing"),
    "expected": N_("When it is expected, from recent deliveries, or nothing"),
    "money": N_("“yes” when the buyer's money has arrived, or nothing"),
    "offer": N_("The product that is offered instead, or nothing"),
    "price": N_("What the offered product costs, with ¥, or nothing"),
    "link": N_("Address of the order's page"),
}


class Ready(Struct, frozen=True):
    """A ready-made rule in words, both msgids; `text` is a template, or empty."""

    name: str
    text: str = ""


# What a template is written with, so that translators see names only.
PLACES = {name: "{{ " + name + " }}" for name in VARIABLES} | {
    "if_expected": "{% if expected %}",
    "if_money": "{% if money %}",
    "otherwise": "{% else %}",
    "end": "{% endif %}",
}


READY: Mapping[str, Ready] = {
    "calm_short": Ready(
        N_("Short of stock: calm the buyer"),
        N_(
            "%(product)s has just sold out. Your payment is safe with order %(order)s; we are getting more, and it"
            " is delivered by itself%(if_expected)s, probably %(expected)s%(end)s. You need not do anything."
        ),
    ),
    "replenish_short": Ready(N_("Short of stock: order more")),
    "offer_short": Ready(
        N_("Short of stock for 10 minutes: offer something equivalent"),
        N_(
            "%(product)s is still on its way. If you do not want to wait, you can have %(offer)s for %(price)s at"
            " once; the difference goes back to your wallet. One press on this page is enough."
        ),
    ),
    "calm_supplier": Ready(
        N_("Supplier fails: calm the buyer"),
        N_(
            "Our supplier does not answer at the moment. Order %(order)s is safe; we keep trying by ourselves and ask"
            " others too. If it cannot be delivered, your money goes back to your wallet."
        ),
    ),
    "next_supplier": Ready(N_("Supplier fails for 2 minutes: ask another one")),
    "calm_unknown": Ready(
        N_("Supplier does not say what became of it: calm the buyer"),
        N_(
            "Our supplier is still working on %(product)s. We ask again every few minutes, and you see the result"
            " here. You are never charged twice."
        ),
    ),
    "say_payment": Ready(
        N_("Paid too late, or not at all: tell the buyer"),
        N_(
            "%(if_money)sYour payment for order %(order)s arrived after its time was over. The whole amount is in"
            " your wallet: order again, and it is paid in one press.%(otherwise)sThe time to pay for %(product)s is"
            " over, and you have not been charged. If you still want it, order again.%(end)s"
        ),
    ),
    "ask_input": Ready(
        N_("Wrong phone or account: ask the buyer"),
        N_(
            "What you filled in for %(product)s does not seem right, so it cannot be delivered yet. Please check it"
            " on this page, and write to us what it should be; nothing is lost."
        ),
    ),
    "person_now": Ready(N_("Wrong input, suspected fraud: a person looks at once")),
    "person_later": Ready(N_("Not solved within 30 minutes: a person looks")),
    "refund_short": Ready(N_("Not delivered within 4 hours: give the money back")),
}


def name_of(rule: Rule) -> str:
    """What the rule is called, in the reader's language."""
    return rule.name or gettext(READY[rule.ready].name)


def template_of(rule: Rule) -> str:
    """What the rule says to buyers, before its names are filled in."""
    ready = READY.get(rule.ready)
    return rule.text or (gettext(ready.text, **PLACES) if ready and ready.text else "")
