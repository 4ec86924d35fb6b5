"""Repricing in words: why a price changes or stays, what a rule does, what ails a feed."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from admin_ui import words
from kameng.web.i18n import gettext
from kameng.web.pages import yuan
from tenants.pricing.capture import Trouble
from tenants.pricing.feed_queries import Feed
from tenants.pricing.proposals import Proposal
from tenants.pricing.queries import Category
from tenants.pricing.rules import Rule, Terms
from tenants.pricing.sets import Reason


def why(reason: Reason | Mapping[str, Any]) -> str:
    """Why a price was changed; nothing for one that no rule has made."""
    if isinstance(reason, Mapping):
        if not reason:
            return ""
        reason = msgspec.convert(reason, Reason)
    if reason.code == "rollback":
        return gettext("Rolled back.")
    if reason.code == "floor":
        bound = words.say("price_bound", reason.bound)
        return gettext("Raised to its floor of %(floor)s: %(bound)s.", floor=_yuan(reason.floor), bound=bound)
    sentence = _aim(reason)
    if reason.code in ("step", "drift"):
        limit = words.say("price_limit", reason.code)
        sentence = (
            f"{sentence} {gettext('On the way to %(price)s: %(limit)s.', price=_yuan(reason.wanted), limit=limit)}"
        )
    return sentence


def _aim(reason: Reason) -> str:
    if reason.kind == "follow":
        return gettext("%(feed)s asks %(price)s.", feed=reason.feed, price=_yuan(reason.market))
    if reason.kind == "keep_margin":
        return gettext("Keeps its margin at a cost of %(cost)s.", cost=_yuan(reason.cost))
    return gettext("By its cost of %(cost)s.", cost=_yuan(reason.cost))


def stays(proposal: Proposal) -> str:
    """What becomes of a product's price at the next run."""
    if proposal.line is not None:
        return gettext("Will become %(price)s.", price=yuan(proposal.line.new))
    return words.say("price_stays", proposal.move.because)


def _yuan(price: Decimal | None) -> str:
    return "" if price is None else yuan(price)


def rule(one: Rule) -> str:
    """What a rule does, in a sentence."""
    terms = one.terms
    if one.kind == "leave":
        return gettext("Prices are left alone.")
    if one.kind == "cost_plus":
        return gettext("Cost plus %(more)s.", more=_amount(terms))
    if one.kind == "keep_margin":
        return gettext("Keeps a margin of %(margin)s%%.", margin=plain(terms.margin))
    return _follow(terms)


def _follow(terms: Terms) -> str:
    whom = gettext("the lowest competitor") if terms.pick == "lowest" else gettext("the median of competitors")
    if terms.mode == "undercut":
        return gettext("%(amount)s below %(whom)s.", amount=_amount(terms), whom=whom)
    if terms.mode == "not_above":
        return gettext("Never above %(whom)s.", whom=whom)
    if terms.mode == "not_below":
        return gettext("Never below %(whom)s.", whom=whom)
    return gettext("The same as %(whom)s.", whom=whom)


def _amount(terms: Terms) -> str:
    return f"{plain(terms.by)}%" if terms.by_percent else yuan(terms.by)


def plain(number: Decimal | None) -> str:
    """`Decimal("5.00")` -> `5`, as it stands in a field."""
    return "" if number is None else f"{number.normalize():f}"


def scope(one: Rule, categories: Sequence[Category], products: Mapping[int, str]) -> str:
    """What a rule is of."""
    if one.product_id is not None:
        return products.get(one.product_id, str(one.product_id))
    if one.category_id is not None:
        return path(one.category_id, categories)
    return gettext("The whole shop")


def path(category_id: int, categories: Sequence[Category]) -> str:
    """`Games / Steam`."""
    by_id = {one.id: one for one in categories}
    names: list[str] = []
    at: int | None = category_id
    while at in by_id and len(names) < len(by_id):
        names.append(by_id[at].name)
        at = by_id[at].parent_id
    return " / ".join(reversed(names))


def trouble(feed: Feed) -> str:
    """Why a feed gives nothing; nothing where it does."""
    if not feed.error:
        return ""
    found = msgspec.json.decode(feed.error, type=Trouble)
    return gettext(found.message, **found.params)
