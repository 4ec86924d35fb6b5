"""The judge: whether a history can be what honest books look like. Pure; each rule is one function of the history."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from msgspec import Struct

from deploy.chaos.history import FINAL, History, Order, Payment, Refund

CHARGED = ("delivered", "partial")
BROUGHT = ("delivered", "partial")
HAS_COUPON = ("unpaid", "paid", "waiting", *CHARGED)


class Violation(Struct, frozen=True):
    """`rule` is the name of the promise that was broken, `what` says by whom."""

    seed: int
    rule: str
    what: str


Found = Iterator[str]


def violations(history: History) -> list[Violation]:
    """Everything that is wrong with one history."""
    return [Violation(history.seed, rule.__name__, what) for rule in RULES for what in rule(history)]


def across(histories: Sequence[History], collected: Iterable[Payment] = ()) -> list[Violation]:
    """What shows only when stations are laid side by side: a key that two of them have sold, and money that the gateway
    has `collected` for the master and that none of them has."""
    ours = {payment.no for history in histories for payment in history.payments}
    lost = [
        Violation(0, "the_gateway_agrees", f"the gateway took {payment.cents} for {payment.no}, which nobody knows")
        for payment in collected
        if payment.is_paid and payment.no not in ours
    ]
    owners: dict[str, set[int]] = defaultdict(set)
    for history in histories:
        for order in history.orders:
            for key in order.keys:
                owners[key].add(history.seed)
    return lost + [
        Violation(min(seeds), "no_key_is_sold_twice", f"{key} was sold by the stations of seeds {sorted(seeds)}")
        for key, seeds in owners.items()
        if len(seeds) > 1
    ]


def no_key_is_sold_twice(history: History) -> Found:
    sold = Counter(chain.from_iterable(order.keys for order in history.orders))
    yield from (f"{key} was sold {times} times" for key, times in sold.items() if times > 1)
    for order in history.orders:
        if order.shown is not None and sorted(order.shown) != sorted(order.keys):
            yield f"order {order.no} holds {len(order.keys)} keys and its buyer saw others"


def no_request_is_lost(history: History) -> Found:
    """Every accepted form is exactly one order, or one basket; every refused one none; no order comes from nowhere."""
    of_key: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for order in history.orders:
        of_key[order.buyer, order.key.partition(".")[0]].append(order)
    for request in history.requests:
        orders = of_key.pop((request.buyer, request.key), [])
        nos = sorted({order.basket if request.is_basket else order.no for order in orders})
        if request.told and set(request.told) != set(nos):
            yield f"request {request.key} was told {sorted(set(request.told))} and is {nos}"
        elif request.refused and nos:
            yield f"request {request.key} was refused ({request.refused}) and is {nos}"
        elif len(nos) > 1 or (request.is_basket and _has_gaps(request.key, orders)):
            yield f"request {request.key} is {sorted(order.no for order in orders)} of {nos}"
    yield from (f"order {order.no} was never asked for" for order in chain.from_iterable(of_key.values()))


def _has_gaps(key: str, orders: Sequence[Order]) -> bool:
    """Whether a basket's orders are not its first line, its second and so on, each once."""
    return sorted(order.key for order in orders) != sorted(f"{key}.{place}" for place in range(len(orders)))


def every_order_ends(history: History) -> Found:
    for order in history.orders:
        if order.state not in FINAL:
            yield f"order {order.no} is {order.state} after {history.settle_s:.0f} s"
    if history.settle_s > history.deadline_s:
        yield f"it took {history.settle_s:.0f} s of {history.deadline_s:.0f} until nothing moved any more"


def every_charge_has_goods(history: History) -> Found:
    """What a buyer has paid is for the units that he has; all else went back."""
    for order in history.orders:
        held = len(order.keys) if order.kind == "cards" else order.delivered
        if order.state not in CHARGED:
            if order.state in FINAL and order.charged_cents:
                yield f"order {order.no} is {order.state} and cost {order.charged_cents}"
            if order.state in FINAL and held and not order.after_sale_cents:
                yield f"order {order.no} is {order.state} and has {held} units"
            continue
        if held != order.delivered:
            yield f"order {order.no} says that {order.delivered} units came, and has {held}"
        if (order.delivered == order.quantity) is not (order.state == "delivered") or not order.delivered:
            yield f"order {order.no} is {order.state} with {order.delivered} of {order.quantity} units"
        if order.charged_cents != order.total_cents - order.refunded_cents:
            yield f"order {order.no} has taken {order.charged_cents} of {order.total_cents} - {order.refunded_cents}"
        # Rounded once: never more than a cent above the share of the units that came.
        if order.charged_cents * order.quantity > order.total_cents * order.delivered + order.quantity:
            yield f"order {order.no} has taken {order.charged_cents} for {order.delivered} of {order.quantity} units"


def no_purchase_is_doubled_or_lost(history: History) -> Found:
    """The suppliers' own books, line by line, are our purchases."""
    ours = {one.reference: one for one in history.purchases}
    theirs = Counter(one.reference for one in history.bought if one.units)
    for one in history.purchases:
        if one.state not in (*BROUGHT, "failed"):
            yield f"purchase {one.reference} is {one.state}"
        if one.booked_cents != one.cost_cents:
            yield f"purchase {one.reference} cost {one.cost_cents}, and {one.booked_cents} are in the books"
        if one.state in BROUGHT and theirs[one.reference] != 1:
            yield f"purchase {one.reference} has delivered, and stands {theirs[one.reference]} times in the books"
    for entry in history.bought:
        purchase = ours.get(entry.reference)
        if not entry.units:
            continue
        if purchase is None or purchase.state not in BROUGHT:
            state = purchase.state if purchase else "not there"
            yield f"{entry.supplier} has sold {entry.units} units for {entry.reference}, which is {state}"
        elif (sorted(purchase.cards), purchase.units) != (sorted(entry.cards), entry.units):
            yield f"{entry.supplier} has sold other units for {entry.reference} than we have"
        elif entry.tells_cost and purchase.cost_cents != entry.cost_cents:
            yield f"{entry.supplier} took {entry.cost_cents} for {entry.reference}, and we booked {purchase.cost_cents}"
    yield from _bought_too_much(history)


def _bought_too_much(history: History) -> Found:
    units: Counter[str] = Counter()
    order_of = {one.reference: one.order_id for one in history.purchases}
    for entry in history.bought:
        units[order_of.get(entry.reference, "")] += entry.units
    for order in history.orders:
        if units[order.id] > order.quantity:
            yield f"{units[order.id]} units were bought for order {order.no}, which wants {order.quantity}"
        if units[order.id] > order.delivered:
            yield f"{units[order.id]} units were bought for order {order.no}, which got {order.delivered}"


def the_gateway_agrees(history: History) -> Found:
    ours = {one.no: one for one in history.payments}
    for theirs in history.gateway:
        payment = ours.pop(theirs.no, None)
        if payment is None:
            if theirs.is_paid:
                yield f"the gateway took {theirs.cents} for {theirs.no}, which we do not know"
        elif (payment.is_paid, payment.cents) != (theirs.is_paid, theirs.cents):
            yield f"payment {theirs.no}: {_said(payment.is_paid, payment.cents)} here, " \
                  f"{_said(theirs.is_paid, theirs.cents)} at the gateway"  # fmt: skip
    yield from (f"payment {one.no} is paid, and the gateway does not know it" for one in ours.values() if one.is_paid)


def _said(is_paid: bool, cents: int) -> str:
    return f"{cents} {'paid' if is_paid else 'unpaid'}"


def every_wallet_adds_up(history: History) -> Found:
    """By the buyer's own count: what he had and paid in, less what his orders have cost."""
    paid_in: Counter[str] = Counter()
    for payment in history.payments:
        paid_in[payment.buyer] += payment.cents if payment.is_paid else 0
    spent: Counter[str] = Counter()
    for order in history.orders:
        spent[order.buyer] += order.charged_cents
    for wallet in history.wallets:
        should = wallet.began_cents + paid_in[wallet.buyer] - spent[wallet.buyer]
        if wallet.balance_cents != should:
            yield f"buyer {wallet.buyer} has {wallet.balance_cents} and should have {should}"
        if wallet.balance_cents < 0:
            yield f"buyer {wallet.buyer} has {wallet.balance_cents}"


def the_ledger_balances(history: History) -> Found:
    yield from (f"transfer {key} does not sum to zero" for key in history.unbalanced)
    for account in history.accounts:
        if account.balance_cents != account.entries_cents:
            yield f"{account.name} has {account.balance_cents}, its entries sum to {account.entries_cents}"
        if account.balance_cents < 0:
            yield f"{account.name} has {account.balance_cents}"


def no_card_is_lost(history: History) -> Found:
    """Pool, held, issued and aside together are what was imported, each card in one place; an issued one has a buyer,
    and none is held when all orders have ended."""
    imported = set(history.imported)
    places: dict[str, list[str]] = defaultdict(list)
    for card in history.cards:
        places[card.key].append(card.place)
    sold = set(chain.from_iterable(order.keys for order in history.orders))
    for key in history.imported:
        if len(places[key]) != 1:
            yield f"card {key} is in {places[key] or 'no place'}"
        elif places[key] == ["held"]:
            yield f"card {key} is still held"
        elif (places[key] == ["issued"]) is not (key in sold):
            yield f"card {key} is in {places[key][0]}, and {'an' if key in sold else 'no'} order has it"
    known = imported.union(*(one.cards for one in history.bought), (one.key for one in history.handed))
    yield from (f"card {key} was never imported or bought" for key in (sold | places.keys()) - known)


def no_coupon_is_overused(history: History) -> Found:
    for coupon in history.coupons:
        uses = {one.basket or one.no: one.buyer for one in history.orders if one.coupon == coupon.code and _used(one)}
        users = list(uses.values())
        if coupon.uses != len(users):
            yield f"coupon {coupon.code} counts {coupon.uses} uses, and {len(users)} orders have it"
        if coupon.most is not None and len(users) > coupon.most:
            yield f"coupon {coupon.code} was used {len(users)} times of {coupon.most}"
        yield from _overused(coupon.code, coupon.most_each, users)


def _used(order: Order) -> bool:
    """Whether an order keeps its coupon: it was not called off, and something of it came before its money went back."""
    return order.state in HAS_COUPON or (order.state == "refunded" and order.delivered > 0)


def _overused(code: str, most_each: int | None, users: Iterable[str]) -> Found:
    for buyer, times in Counter(users).items():
        if most_each is not None and times > most_each:
            yield f"coupon {code} was used {times} times of {most_each} by {buyer}"


def what_a_person_hands_over_arrives(history: History) -> Found:
    keys = {order.no: order.keys for order in history.orders}
    for one in history.handed:
        if one.done and one.key not in keys.get(one.no, ()):
            yield f"card {one.key} was handed over for {one.no}, which does not have it"
    owners = {key: order.no for order in history.orders for key in order.keys}
    for one in history.handed:
        if owners.get(one.key, one.no) != one.no:
            yield f"card {one.key} was for {one.no}, and {owners[one.key]} has it"


def every_refund_is_made_once(history: History) -> Found:
    """What a person was told he has given back is in the books, once, and nothing else is."""
    made: dict[str, list[Refund]] = defaultdict(list)
    for refund in history.refunds:
        made[refund.key].append(refund)
    for given in history.given:
        found = [(refund.no, refund.cents) for refund in made.pop(given.key, [])]
        if len(found) > 1 or (found and found != [(given.no, given.cents)]):
            yield f"giving back {given.cents} of {given.no} is {found}"
        elif bool(found) is not given.done and (given.done or given.refused):
            told = "done" if given.done else f"refused ({given.refused})"
            yield f"giving back {given.cents} of {given.no} was {told} and is {found}"
    yield from (f"{one.cents} of {one.no} were given back by nobody" for one in chain.from_iterable(made.values()))
    for order in history.orders:
        if order.after_sale_cents > order.refunded_cents:
            yield f"order {order.no} says {order.refunded_cents}, and {order.after_sale_cents} were given back"


RULES: tuple[Callable[[History], Found], ...] = (
    no_key_is_sold_twice,
    no_request_is_lost,
    every_order_ends,
    every_charge_has_goods,
    no_purchase_is_doubled_or_lost,
    the_gateway_agrees,
    every_wallet_adds_up,
    the_ledger_balances,
    no_card_is_lost,
    no_coupon_is_overused,
    what_a_person_hands_over_arrives,
    every_refund_is_made_once,
)
