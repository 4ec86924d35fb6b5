"""What one order costs, and the floor below which it is not taken. Pure."""

from decimal import ROUND_CEILING, Decimal
from math import ceil

from msgspec import Struct

from kameng.core.money import total_cents
from tenants.orders import ladder
from tenants.orders.drafts import Item
from tenants.orders.errors import BelowFloor, LevelTooLow, NotOnSaleNow, QuantityOutOfRange, SoldOut
from tenants.orders.opening import Opening

HALF_A_CENT = Decimal("0.005")  # yuan, and what rounds up to a cent


class Terms(Struct, frozen=True, kw_only=True):
    """Prices in yuan for one unit; `total_cents` is what is charged, with the chosen card's surcharge and less the
    discount; `fee_cents` is what the gateway keeps of it."""

    unit_price: Decimal
    wholesale_price: Decimal
    total_cents: int
    wholesale_cents: int
    choice_cents: int
    discount_cents: int
    fee_cents: int

    @property
    def kept_cents(self) -> int:
        """What reaches the station."""
        return self.total_cents - self.fee_cents


def of(opening: Opening, item: Item) -> Terms:
    """Raises `NotOnSaleNow`, `LevelTooLow`, `QuantityOutOfRange`, `SoldOut`, `BelowFloor`."""
    quantity = item.draft.quantity
    _check(opening, item)
    if opening.wholesale_price is None or not opening.can_be_had:
        raise SoldOut(field="quantity")
    price = ladder.unit_price(opening.price, opening.ladder, quantity)
    smallest = min(price, opening.wholesale_price) if opening.good_id is not None else price
    least = ceil(HALF_A_CENT / smallest)
    if quantity < least:  # it would cost nothing
        raise QuantityOutOfRange(field="quantity", least=least, most=max(least, opening.max_quantity))
    choice_cents = total_cents(opening.choice_price, 1) if item.draft.card_id else 0
    discount_cents = item.discount.cents if item.discount else 0
    total = total_cents(price, quantity) + choice_cents - discount_cents
    terms = Terms(
        unit_price=price,
        wholesale_price=opening.wholesale_price,
        total_cents=total,
        wholesale_cents=total_cents(opening.wholesale_price, quantity),
        choice_cents=choice_cents,
        discount_cents=discount_cents,
        fee_cents=fee_cents(total, opening.fee_rate),
    )
    if total < 1 or total < _least_cents(opening, quantity) or terms.kept_cents < terms.wholesale_cents:
        refuse_below_floor(terms)
    return terms


def _check(opening: Opening, item: Item) -> None:
    quantity = item.draft.quantity
    if not opening.in_time:
        raise NotOnSaleNow(field="quantity")
    if not opening.level_fits:
        raise LevelTooLow(field="quantity")
    if not opening.min_quantity <= quantity <= opening.max_quantity:
        raise QuantityOutOfRange(field="quantity", least=opening.min_quantity, most=opening.max_quantity)
    if item.draft.card_id and not opening.choosable:
        raise SoldOut(field="quantity")
    if item.draft.card_id and quantity != 1:
        raise QuantityOutOfRange(field="quantity", least=1, most=1)


def fee_cents(total: int, rate: Decimal) -> int:
    """What a gateway keeps of a payment, rounded up: gateways round for themselves."""
    return int((total * rate).to_integral_value(rounding=ROUND_CEILING)) if rate else 0


def _least_cents(opening: Opening, quantity: int) -> int:
    """The master's least price and the owner's, rounded as prices are."""
    floors = [floor for floor in (opening.min_resale, opening.floor_price) if floor is not None]
    return max((total_cents(floor, quantity) for floor in floors), default=0)


def check_cost(terms: Terms, cost_cents: int) -> None:
    """The station's own cards had a price too. Raises `BelowFloor` or `SoldOut`."""
    if terms.kept_cents < cost_cents:
        refuse_below_floor(terms)


def refuse_below_floor(terms: Terms) -> None:
    """A coupon's user is told to leave it; without one a buyer could do nothing about it, and the owner is told why."""
    if terms.discount_cents:
        raise BelowFloor(field="coupon")
    raise SoldOut(field="quantity")
