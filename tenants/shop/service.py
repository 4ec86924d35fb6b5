"""Listing products. Tenant session."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from billing.wholesale.queries import Quote
from kameng.core import clock
from kameng.core.money import format_cents, total_cents
from kameng.web.pages import yuan
from tenants.plans import service as plans
from tenants.shop import queries
from tenants.shop.errors import BelowCost, BelowFloor, GoodNotForYou
from tenants.shop.models import Product

Count = Annotated[int, Meta(ge=1, le=1000)]
ON_SALE = "on_sale"


class ProductDraft(Struct, frozen=True, kw_only=True):
    """What the owner fills in. `price` is the retail price in yuan for one unit."""

    good_id: int
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    price: Annotated[Decimal, Meta(gt=0, le=100_000)]
    summary: Annotated[str, Meta(max_length=120)] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    usage_note: Annotated[str, Meta(max_length=1000)] = ""
    min_quantity: Count = 1
    max_quantity: Count = 10
    position: Annotated[int, Meta(ge=0, le=100_000)] = 0
    state: Literal["on_sale", "hidden"] = "on_sale"


async def list_product(session: AsyncSession, draft: ProductDraft) -> Product:
    """Puts a good on the shelf. Raises `GoodNotForYou`, `BelowCost`, `BelowFloor`, `TooManyProducts`."""
    await _check_price(session, draft)
    if draft.state == ON_SALE:
        await plans.check_products(session)
    product = Product(**_fields(draft))
    session.add(product)
    await session.flush()
    return product


async def change_product(session: AsyncSession, product_id: int, draft: ProductDraft) -> Product:
    """Raises `ProductGone`, `GoodNotForYou`, `BelowCost`, `BelowFloor`, `TooManyProducts`."""
    product = await queries.product(session, product_id)
    await _check_price(session, draft)
    if draft.state == ON_SALE and product.state != ON_SALE:
        await plans.check_products(session)
    for name, value in _fields(draft).items():
        setattr(product, name, value)
    product.changed_at = clock.now()
    await session.flush()
    return product


async def show(session: AsyncSession, product_id: int, *, on_sale: bool) -> Product:
    """Puts a product on sale or takes it off. Raises `ProductGone`, `BelowFloor`, `TooManyProducts`."""
    product = await queries.product(session, product_id)
    if on_sale and product.good_id is not None:
        _check_floor((await wholesale.quotes(session, [product.good_id])).get(product.good_id), product.price)
    if on_sale and product.state != ON_SALE:
        await plans.check_products(session)
    product.state = ON_SALE if on_sale else "hidden"
    product.changed_at = clock.now()
    await session.flush()
    return product


async def _check_price(session: AsyncSession, draft: ProductDraft) -> None:
    quote = (await wholesale.quotes(session, [draft.good_id])).get(draft.good_id)
    if quote is None:
        raise GoodNotForYou(field="good_id")
    if draft.price < quote.wholesale_price:
        raise BelowCost(field="price", wholesale=format_cents(total_cents(quote.wholesale_price, 1)))
    _check_floor(quote, draft.price)


def _check_floor(quote: Quote | None, price: Decimal) -> None:
    """Below it the sale itself is refused too; here the owner is told while the price is in hand."""
    if quote is not None and quote.min_resale is not None and price < quote.min_resale:
        raise BelowFloor(field="price", floor=yuan(quote.min_resale))


def _fields(draft: ProductDraft) -> dict[str, object]:
    fields = {name: getattr(draft, name) for name in draft.__struct_fields__}
    fields["max_quantity"] = max(draft.min_quantity, draft.max_quantity)
    return fields
