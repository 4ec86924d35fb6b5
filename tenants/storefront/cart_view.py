"""A cart as its owner sees it: each product as it can be had now, what it comes to, and what has changed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import KamengError
from kameng.core.money import total_cents
from kameng.web.i18n import of_error
from tenants.cart.service import Line
from tenants.marketing.coupons import uses
from tenants.marketing.coupons.worth import Line as Goods
from tenants.orders import ladder
from tenants.shop import shelf
from tenants.shop.shelf import ShelfItem


class CartLine(Struct, frozen=True):
    """A product of the cart. `item` is None for what is not sold any more; `trouble` says why it cannot be bought now:
    gone, sold_out, soon, over, level."""

    line: Line
    item: ShelfItem | None
    trouble: str

    @property
    def id(self) -> int:
        return self.line.product_id

    @property
    def name(self) -> str:
        """The product with what tells its variant from the others."""
        if self.item is None:
            return ""
        return " · ".join([self.item.head_name, *self.item.spec_values.values()])

    @property
    def quantity(self) -> int:
        return self.line.quantity

    @property
    def is_few(self) -> bool:
        """Whether fewer can be had than are asked for."""
        return self.item is not None and not self.trouble and self.quantity > self.item.most

    @property
    def unit_cents(self) -> int:
        """What one of so many costs, for the eye; the sum is rounded once."""
        return total_cents(ladder.unit_price(self.item.price, self.item.ladder, self.quantity), 1) if self.item else 0

    @property
    def total_cents(self) -> int:
        if self.item is None:
            return 0
        return total_cents(ladder.unit_price(self.item.price, self.item.ladder, self.quantity), self.quantity)

    @property
    def was_cents(self) -> int | None:
        """What one cost when it was put in, if it costs something else now."""
        if self.item is None or total_cents(self.item.price, 1) == self.line.seen_cents:
            return None
        return self.line.seen_cents


class CartView(Struct, frozen=True, kw_only=True):
    """The cart with what a coupon takes off it; `coupon_trouble` is why it does not count."""

    lines: Sequence[CartLine]
    coupon: str = ""
    off: Mapping[int, int] = {}
    coupon_trouble: str = ""

    @property
    def to_buy(self) -> Sequence[CartLine]:
        return [line for line in self.lines if not line.trouble]

    @property
    def goods_cents(self) -> int:
        return sum(line.total_cents for line in self.to_buy)

    @property
    def off_cents(self) -> int:
        return sum(self.off.values())

    @property
    def total_cents(self) -> int:
        return self.goods_cents - self.off_cents


async def view(session: AsyncSession, buyer_id: UUID | None, lines: Sequence[Line], coupon: str = "") -> CartView:
    """The cart as it stands now. A coupon is looked at, not taken."""
    items = await shelf.units(session, [line.product_id for line in lines])
    rank = await shelf.rank_of(session, buyer_id)
    drawn = [CartLine(line, item, _trouble(item, rank)) for line in lines for item in [items.get(line.product_id)]]
    seen = CartView(lines=drawn, coupon=coupon)
    if not coupon or not seen.to_buy:
        return seen
    goods = [Goods(line.id, line.total_cents) for line in seen.to_buy]
    try:
        found = await uses.look(session, coupon, buyer_id, goods)
    except KamengError as refusal:
        return CartView(lines=drawn, coupon=coupon, coupon_trouble=of_error(refusal))
    off = {line.id: cents for line, cents in zip(seen.to_buy, found.cents, strict=True) if cents}
    return CartView(lines=drawn, coupon=coupon, off=off)


def within(line: Line, item: ShelfItem | None, quantity: int) -> Line:
    """The line with another quantity, within what can be ordered."""
    least, most = (item.min_quantity, item.max_quantity) if item else (1, line.quantity)
    return Line(line.product_id, min(max(quantity, least), most), line.seen_cents)


def _trouble(item: ShelfItem | None, rank: int) -> str:
    if item is None:
        return "gone"
    if rank < item.min_level:
        return "level"
    return item.window or ("" if item.on_hand else "sold_out")
