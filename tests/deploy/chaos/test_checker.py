"""The judge of `kameng chaos`: an honest history passes, and each planted wrong is caught by the rule against it."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from deploy.chaos import checker
from deploy.chaos.history import (
    Account,
    Bought,
    Card,
    Coupon,
    Given,
    Handed,
    History,
    Order,
    Payment,
    Purchase,
    Refund,
    Request,
    Wallet,
)

STOCK = Order(
    id="1", no="K1", key="r1", buyer="ann", state="delivered", kind="cards", quantity=1, delivered=1, total_cents=1000,
    refunded_cents=0, charged_cents=1000, keys=("A1",), shown=("A1",), coupon="TEN",
)  # fmt: skip
PART = Order(
    id="2", no="K2", key="r2", buyer="ann", state="partial", kind="cards", quantity=3, delivered=2, total_cents=3000,
    refunded_cents=1000, charged_cents=2000, keys=("S1", "S2"),
)  # fmt: skip
TOPUP = Order(
    id="3", no="K3", key="r3", buyer="bob", state="delivered", kind="topup", quantity=2, delivered=2, total_cents=2000,
    refunded_cents=0, charged_cents=2000,
)  # fmt: skip
LATE = Order(
    id="4", no="K4", key="r4", buyer="bob", state="expired", kind="cards", quantity=1, delivered=0, total_cents=1000,
    refunded_cents=0, charged_cents=0,
)  # fmt: skip
GIVEN_BACK = Order(
    id="7", no="K7", key="r7", buyer="zoe", state="refunded", kind="cards", quantity=1, delivered=1, total_cents=1000,
    refunded_cents=1000, charged_cents=0, keys=("A9",), after_sale_cents=1000,
)  # fmt: skip
BASKET = tuple(replace(LATE, id=f"8{n}", no=f"K8{n}", key=f"r8.{n}", state="cancelled", basket="B1") for n in range(2))
HONEST = History(
    seed=7,
    station="tenant_7",
    requests=(
        Request(key="r1", buyer="ann", told=("K1", "K1")),
        Request(key="r2", buyer="ann", told=("K2",)),
        Request(key="r3", buyer="bob"),
        Request(key="r4", buyer="bob", told=("K4",)),
        Request(key="r5", buyer="bob", refused="SoldOut"),
        Request(key="r7", buyer="zoe", told=("K7",)),
        Request(key="r8", buyer="bob", is_basket=True, told=("B1", "B1")),
    ),
    orders=(STOCK, PART, TOPUP, LATE, GIVEN_BACK, *BASKET),
    purchases=(
        Purchase(reference="KM1", order_id="2", state="failed", quantity=3),
        Purchase(reference="KM2", order_id="2", state="partial", quantity=3, units=2, cost_cents=1200,
                 booked_cents=1200, cards=("S1", "S2")),
        Purchase(reference="KM3", order_id="3", state="delivered", quantity=2, units=2, cost_cents=1200,
                 booked_cents=1200),
    ),
    bought=(
        Bought(reference="KM2", supplier="acg", units=2, cost_cents=1234, cards=("S2", "S1"), tells_cost=False),
        Bought(reference="KM3", supplier="sandbox", units=2, cost_cents=1200),
    ),
    payments=(Payment(no="P1", cents=1000, is_paid=True, buyer="bob"), Payment(no="P2", cents=5, is_paid=False)),
    gateway=(Payment(no="P1", cents=1000, is_paid=True),),
    wallets=(
        Wallet(buyer="ann", began_cents=5000, balance_cents=2000),
        Wallet(buyer="bob", began_cents=5000, balance_cents=4000),
    ),
    accounts=(Account(name="wallet ann", balance_cents=2000, entries_cents=2000),),
    imported=("A1", "A2", "A3", "A9"),
    cards=(
        Card(key="A1", place="issued"), Card(key="A2", place="pool"), Card(key="A3", place="aside"),
        Card(key="A9", place="issued"),
    ),
    coupons=(Coupon(code="TEN", uses=1, most=1, most_each=1),),
    given=(
        Given(key="g1", no="K7", cents=1000, done=True),
        Given(key="g2", no="K7", cents=50, refused="at most ¥0.00"),
        Given(key="g3", no="K1", cents=50),
    ),
    refunds=(Refund(key="g1", no="K7", cents=1000),),
    handed=(Handed(key="S2", no="K2", done=True), Handed(key="H1", no="K4")),
    settle_s=12.0,
    deadline_s=90.0,
)  # fmt: skip


def with_order(order: Order, **changes: object) -> History:
    changed = replace(order, **changes)
    return replace(HONEST, orders=tuple(changed if one is order else one for one in HONEST.orders))


def and_order(**changes: object) -> History:
    """One order more, with the request that asked for it."""
    added = replace(STOCK, id="9", no="K9", key="r9", buyer="eve", keys=(), shown=None, **changes)
    request = Request(key="r9", buyer="eve", told=("K9",))
    return replace(HONEST, orders=(*HONEST.orders, added), requests=(*HONEST.requests, request))


def test_honest_books_have_no_violation() -> None:
    assert checker.violations(HONEST) == []


PLANTED: dict[str, tuple[Callable[[], History], Callable[[History], object]]] = {
    "a key that two orders have": (lambda: with_order(PART, keys=("A1", "S2")), checker.no_key_is_sold_twice),
    "a key that its buyer was shown and does not have": (
        lambda: with_order(STOCK, shown=("A2",)), checker.no_key_is_sold_twice,
    ),
    "an order that was lost": (
        lambda: replace(HONEST, orders=(STOCK, PART, TOPUP, GIVEN_BACK, *BASKET)), checker.no_request_is_lost,
    ),
    "a cart that became two baskets": (
        lambda: with_order(BASKET[1], basket="B2"), checker.no_request_is_lost,
    ),
    "a basket without one of its lines": (
        lambda: replace(HONEST, orders=(STOCK, PART, TOPUP, LATE, GIVEN_BACK, BASKET[1])), checker.no_request_is_lost,
    ),
    "a line of a basket that stands there twice": (
        lambda: replace(HONEST, orders=(*HONEST.orders, replace(BASKET[1], id="9", no="K9"))),
        checker.no_request_is_lost,
    ),
    "two orders of one form": (
        lambda: replace(HONEST, orders=(*HONEST.orders, replace(LATE, id="5", no="K5"))), checker.no_request_is_lost,
    ),
    "an order of a form that was refused": (
        lambda: replace(HONEST, orders=(*HONEST.orders, replace(LATE, id="5", no="K5", key="r5"))),
        checker.no_request_is_lost,
    ),
    "an order that nobody asked for": (
        lambda: replace(HONEST, orders=(*HONEST.orders, replace(LATE, id="5", no="K5", key="r6"))),
        checker.no_request_is_lost,
    ),
    "an order that is not final": (lambda: with_order(LATE, state="waiting"), checker.every_order_ends),
    "a station that took too long": (lambda: replace(HONEST, settle_s=91.0), checker.every_order_ends),
    "a charge for an order that has expired": (
        lambda: with_order(LATE, charged_cents=1000), checker.every_charge_has_goods,
    ),
    "a charge without goods": (lambda: with_order(STOCK, keys=(), shown=None), checker.every_charge_has_goods),
    "a refund that was said and not made": (
        lambda: with_order(PART, charged_cents=3000), checker.every_charge_has_goods,
    ),
    "too small a refund for what never came": (
        lambda: with_order(PART, refunded_cents=900, charged_cents=2100), checker.every_charge_has_goods,
    ),
    "goods for an order whose money went back": (
        lambda: with_order(STOCK, state="refunded", charged_cents=0), checker.every_charge_has_goods,
    ),
    "a purchase that stands twice in the books": (
        lambda: replace(HONEST, bought=(*HONEST.bought, HONEST.bought[0])), checker.no_purchase_is_doubled_or_lost,
    ),
    "a second purchase for the same units": (
        lambda: replace(
            HONEST,
            purchases=(*HONEST.purchases, replace(HONEST.purchases[2], reference="KM4")),
            bought=(*HONEST.bought, replace(HONEST.bought[1], reference="KM4")),
        ),
        checker.no_purchase_is_doubled_or_lost,
    ),
    "a purchase that we do not know of": (
        lambda: replace(HONEST, purchases=HONEST.purchases[:2]), checker.no_purchase_is_doubled_or_lost,
    ),
    "a purchase that its supplier does not know": (
        lambda: replace(HONEST, bought=HONEST.bought[1:]), checker.no_purchase_is_doubled_or_lost,
    ),
    "a purchase of which nobody knows what became of it": (
        lambda: replace(HONEST, purchases=(replace(HONEST.purchases[0], state="unknown"), *HONEST.purchases[1:])),
        checker.no_purchase_is_doubled_or_lost,
    ),
    "a cost that was booked wrongly": (
        lambda: replace(HONEST, bought=(HONEST.bought[0], replace(HONEST.bought[1], cost_cents=1201))),
        checker.no_purchase_is_doubled_or_lost,
    ),
    "a cost that the ledger does not have": (
        lambda: replace(HONEST, purchases=(*HONEST.purchases[:2], replace(HONEST.purchases[2], booked_cents=0))),
        checker.no_purchase_is_doubled_or_lost,
    ),
    "units that were bought and never handed over": (
        lambda: replace(
            with_order(LATE),
            purchases=(*HONEST.purchases, replace(HONEST.purchases[2], reference="KM4", order_id="4", units=1)),
            bought=(*HONEST.bought, replace(HONEST.bought[1], reference="KM4", units=1)),
        ),
        checker.no_purchase_is_doubled_or_lost,
    ),
    "money at the gateway that never arrived": (
        lambda: replace(HONEST, gateway=(*HONEST.gateway, Payment(no="P2", cents=5, is_paid=True))),
        checker.the_gateway_agrees,
    ),
    "a payment that no gateway has taken": (lambda: replace(HONEST, gateway=()), checker.the_gateway_agrees),
    "a wallet that lacks money": (
        lambda: replace(HONEST, wallets=(replace(HONEST.wallets[0], balance_cents=1999), HONEST.wallets[1])),
        checker.every_wallet_adds_up,
    ),
    "a transfer out of balance": (lambda: replace(HONEST, unbalanced=("sale:1",)), checker.the_ledger_balances),
    "a balance that is not its entries": (
        lambda: replace(HONEST, accounts=(Account(name="deposit", balance_cents=5, entries_cents=6),)),
        checker.the_ledger_balances,
    ),
    "a debt": (
        lambda: replace(HONEST, accounts=(Account(name="deposit", balance_cents=-1, entries_cents=-1),)),
        checker.the_ledger_balances,
    ),
    "a card that is still held": (
        lambda: replace(HONEST, cards=(HONEST.cards[0], Card(key="A2", place="held"), HONEST.cards[2])),
        checker.no_card_is_lost,
    ),
    "a card that is nowhere": (lambda: replace(HONEST, cards=HONEST.cards[:2]), checker.no_card_is_lost),
    "a card in two places": (
        lambda: replace(HONEST, cards=(*HONEST.cards, Card(key="A2", place="issued"))), checker.no_card_is_lost,
    ),
    "a card that was taken for nobody": (
        lambda: replace(HONEST, cards=(*HONEST.cards[:2], Card(key="A3", place="issued"))), checker.no_card_is_lost,
    ),
    "a card from nowhere": (
        lambda: replace(HONEST, cards=(*HONEST.cards, Card(key="A4", place="pool"))), checker.no_card_is_lost,
    ),
    "a card that was handed over and is not there": (
        lambda: replace(HONEST, handed=(Handed(key="H1", no="K2", done=True),)),
        checker.what_a_person_hands_over_arrives,
    ),
    "a card that was handed over for another order": (
        lambda: replace(HONEST, handed=(Handed(key="S2", no="K1"),)), checker.what_a_person_hands_over_arrives,
    ),
    "a refund that was made twice": (
        lambda: replace(HONEST, refunds=(*HONEST.refunds, HONEST.refunds[0])), checker.every_refund_is_made_once,
    ),
    "a refund of another amount": (
        lambda: replace(HONEST, refunds=(Refund(key="g1", no="K7", cents=900),)), checker.every_refund_is_made_once,
    ),
    "a refund that a person was told of and the books were not": (
        lambda: replace(HONEST, refunds=()), checker.every_refund_is_made_once,
    ),
    "a refund that was refused and made": (
        lambda: replace(HONEST, refunds=(*HONEST.refunds, Refund(key="g2", no="K7", cents=50))),
        checker.every_refund_is_made_once,
    ),
    "a refund by nobody": (
        lambda: replace(HONEST, refunds=(*HONEST.refunds, Refund(key="g4", no="K1", cents=50))),
        checker.every_refund_is_made_once,
    ),
    "a refund that its order does not count": (
        lambda: with_order(GIVEN_BACK, refunded_cents=0), checker.every_refund_is_made_once,
    ),
    "a coupon over its limit": (lambda: and_order(), checker.no_coupon_is_overused),
    "a use of a coupon that was not counted": (
        lambda: replace(HONEST, coupons=(Coupon(code="TEN", uses=0, most=9),)), checker.no_coupon_is_overused,
    ),
    "a buyer over his limit of a coupon": (
        lambda: replace(with_order(PART, coupon="TEN"), coupons=(Coupon(code="TEN", uses=2, most=9, most_each=1),)),
        checker.no_coupon_is_overused,
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found(planted: str) -> None:
    history, rule = PLANTED[planted]

    found = checker.violations(history())

    assert getattr(rule, "__name__", "") in {one.rule for one in found}
    assert {one.seed for one in found} == {HONEST.seed}


def test_a_key_that_two_stations_have_sold_is_found() -> None:
    other = replace(HONEST, seed=8)

    assert {one.rule for one in checker.across([HONEST, other])} == {"no_key_is_sold_twice"}
    assert checker.across([HONEST, replace(other, orders=(TOPUP,))]) == []


def test_money_that_the_master_collected_for_nobody_is_found() -> None:
    ours = Payment(no="P1", cents=1000, is_paid=True)

    assert checker.across([HONEST], [ours, Payment(no="P9", cents=5, is_paid=False)]) == []
    assert [one.rule for one in checker.across([HONEST], [ours, Payment(no="P9", cents=5, is_paid=True)])] == [
        "the_gateway_agrees"
    ]
