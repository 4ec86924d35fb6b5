"""Listing products, and what owners do with them. Tenant session."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from billing.wholesale.queries import Quote
from kameng.core import clock
from kameng.core.money import format_cents, total_cents
from kameng.web.pages import yuan
from tenants.plans import service as plans
from tenants.shop import categories, drafts, fields, queries
from tenants.shop.drafts import ProductDraft, Unit, VariantDraft
from tenants.shop.errors import Archived, BelowCost, BelowFloor, BelowOwnFloor, CardsLeft, GoodNotForYou
from tenants.shop.models import Product

__all__ = ["ProductDraft", "VariantDraft"]

ON_SALE, HIDDEN = "on_sale", "hidden"
BETWEEN = " · "  # name of the head and values of the variant
# What variants have from their head. It stands with them too, so that whoever reads one row has all of it.
SHARED = (
    "summary", "description", "usage_note", "min_quantity", "max_quantity", "category_id", "kind", "fulfilment",
    "labels", "fields", "max_per_buyer", "max_per_day", "min_level", "sale_from", "sale_until", "picking", "choosable",
    "choice_price", "warn_at",
)  # fmt: skip
CARDS_OF = text("SELECT EXISTS (SELECT 1 FROM card_pool WHERE item_id = :id)")


async def list_product(session: AsyncSession, draft: ProductDraft) -> Product:
    """Puts a product on the shelf. Raises `Invalid`, `CategoryGone`, `GoodNotForYou`, `BelowCost`, `BelowFloor`,
    `BelowOwnFloor`, `TooManyProducts`."""
    quotes = await _check(session, draft)
    if draft.state == ON_SALE:
        await plans.check_products(session)
    product = Product(**_values(draft, quotes))
    session.add(product)
    await session.flush()
    await _set_variants(session, product, draft, quotes)
    return product


async def change_product(session: AsyncSession, product_id: int, draft: ProductDraft) -> Product:
    """Raises what `list_product` raises, `ProductGone`, `Archived` and `CardsLeft`."""
    product = await queries.whole(session, product_id)
    if product.archived_at is not None:
        raise Archived
    quotes = await _check(session, draft)
    if draft.specs and not product.is_head and (await session.execute(CARDS_OF, {"id": product.id})).scalar_one():
        raise CardsLeft(field="spec-0")
    if draft.state == ON_SALE and product.state != ON_SALE:
        await plans.check_products(session)
    for name, value in _values(draft, quotes).items():
        setattr(product, name, value)
    product.changed_at = clock.now()
    await session.flush()
    await _set_variants(session, product, draft, quotes)
    return product


async def show(session: AsyncSession, product_id: int, *, on_sale: bool) -> Product:
    """Puts a product on sale or takes it off. Raises `ProductGone`, `Archived`, `BelowFloor`, `TooManyProducts`."""
    product = await queries.whole(session, product_id)
    if on_sale and product.archived_at is not None:
        raise Archived
    if on_sale and product.good_id is not None:
        _check_floor((await wholesale.quotes(session, [product.good_id])).get(product.good_id), product.price, "price")
    if on_sale and product.state != ON_SALE:
        await plans.check_products(session)
    product.state = ON_SALE if on_sale else HIDDEN
    product.changed_at = clock.now()
    await session.flush()
    return product


async def archive(session: AsyncSession, product_id: int) -> Product:
    """Into the bin: nobody can buy it, and it can be taken back. Raises `ProductGone`."""
    product = await queries.whole(session, product_id)
    if product.archived_at is None:
        product.state, product.archived_at = HIDDEN, clock.now()
        await session.flush()
    return product


async def restore(session: AsyncSession, product_id: int) -> Product:
    """Out of the bin, and not on sale yet. Raises `ProductGone`."""
    product = await queries.whole(session, product_id)
    product.archived_at = None
    product.changed_at = clock.now()
    await session.flush()
    return product


async def duplicate(session: AsyncSession, product_id: int, name: str) -> Product:
    """The same product once more, hidden, with `name`; cards stay where they are. Raises `ProductGone`."""
    original = await queries.whole(session, product_id)
    copy = _copy(original, name=name, position=original.position)
    session.add(copy)
    await session.flush()
    for variant in await queries.variants(session, original.id):
        tail = variant.name.removeprefix(original.name)
        session.add(_copy(variant, name=f"{name}{tail}", variant_of=copy.id, state=variant.state))
    await session.flush()
    return copy


def _copy(original: Product, **changes: Any) -> Product:
    own = {"id", "created_at", "changed_at", "sold", "archived_at", "state"}
    kept = {column.key: getattr(original, column.key) for column in Product.__table__.columns if column.key not in own}
    return Product(**({"state": HIDDEN} | kept | changes))


async def _check(session: AsyncSession, draft: ProductDraft) -> dict[int, Quote]:
    """The quotes of what is to be sold, when all of it may be sold so."""
    drafts.check(draft)
    if draft.category_id is not None:
        (await categories.tree(session)).node(draft.category_id)
    units = drafts.units(draft)
    goods = [unit.good_id for unit in units if unit.good_id is not None]
    quotes = await wholesale.quotes(session, goods) if goods else {}
    for unit in units:
        _check_unit(unit, quotes, draft.floor_price)
    return quotes


def _check_unit(unit: Unit, quotes: dict[int, Quote], own_floor: Decimal | None) -> None:
    quote = quotes.get(unit.good_id) if unit.good_id is not None else None
    if unit.good_id is not None and quote is None:
        raise GoodNotForYou(field=unit.good_at)
    for field, price in unit.prices:
        if quote is not None and price < quote.wholesale_price:
            raise BelowCost(field=field, wholesale=format_cents(total_cents(quote.wholesale_price, 1)))
        _check_floor(quote, price, field)
        if own_floor is not None and price < own_floor:
            raise BelowOwnFloor(field=field, floor=yuan(own_floor))


def _check_floor(quote: Quote | None, price: Decimal, field: str) -> None:
    """Below it the sale itself is refused too; here the owner is told while the price is in hand."""
    if quote is not None and quote.min_resale is not None and price < quote.min_resale:
        raise BelowFloor(field=field, floor=yuan(quote.min_resale))


def _values(draft: ProductDraft, quotes: dict[int, Quote]) -> dict[str, Any]:
    """The columns of the product itself. A head has its cheapest variant's price."""
    values = {name: getattr(draft, name) for name in draft.__struct_fields__ if name != "variants"}
    values["max_quantity"] = max(draft.min_quantity, draft.max_quantity)
    values["fields"] = fields.stored(draft.fields)
    values["ladder"] = drafts.as_json(draft.ladder)
    values["specs"] = [{"name": spec.name, "values": spec.values} for spec in draft.specs]
    if draft.specs:
        cheapest = min(draft.variants, key=lambda one: (not one.shown, one.price))
        values |= {"good_id": None, "ladder": [], "price": cheapest.price, "list_price": None}
    values["margin"] = min((_margin(unit, quotes) for unit in drafts.units(draft)), default=None)
    return values


def _margin(unit: Unit, quotes: dict[int, Quote]) -> Decimal:
    cost = quotes[unit.good_id].wholesale_price if unit.good_id is not None else Decimal(0)
    return round((unit.price - cost) / unit.price, 6)


async def _set_variants(session: AsyncSession, head: Product, draft: ProductDraft, quotes: dict[int, Quote]) -> None:
    """Brings the variants to the draft: what is there by its values is changed, what is gone goes to the bin, since
    orders and cards may belong to it."""
    known = (await session.scalars(select(Product).where(Product.variant_of == head.id))).all()
    shared = {name: getattr(head, name) for name in SHARED} | {"floor_price": head.floor_price}
    left = {_mark(one.spec_values): one for one in sorted(known, key=lambda one: one.archived_at is None)}
    now = clock.now()
    for one in known:
        one.state, one.archived_at = HIDDEN, one.archived_at or now
    await session.flush()
    for position, (unit, variant) in enumerate(zip(drafts.units(draft), draft.variants, strict=False)):
        values = shared | {
            "name": BETWEEN.join([head.name, *variant.values.values()]),
            "good_id": variant.good_id,
            "price": variant.price,
            "list_price": variant.list_price,
            "ladder": drafts.as_json(variant.ladder),
            "state": ON_SALE if variant.shown else HIDDEN,
            "spec_values": variant.values,
            "position": position,
            "margin": _margin(unit, quotes),
            "archived_at": None,
        }
        product = left.pop(_mark(variant.values), None)
        if product is None:
            session.add(Product(variant_of=head.id, **values))
            continue
        for name, value in values.items():
            setattr(product, name, value)
        product.changed_at = now
    await session.flush()


def _mark(values: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


async def next_position(session: AsyncSession) -> int:
    """Behind everything that is listed."""
    last = select(func.coalesce(func.max(Product.position), 0)).where(Product.variant_of.is_(None))
    return min(int((await session.execute(last)).scalar_one()) + 1, 100_000)


async def move(session: AsyncSession, product_id: int, *, up: bool) -> None:
    """One place up or down among the products that are not thrown away. Raises `ProductGone`."""
    product = await queries.whole(session, product_id)
    ordered = await queries.in_order(session)
    at = ordered.index(product.id) if product.id in ordered else -1
    other = at - 1 if up else at + 1
    if at < 0 or not 0 <= other < len(ordered):
        return
    ordered[at], ordered[other] = ordered[other], ordered[at]
    await place(session, ordered)


async def place(session: AsyncSession, ordered: Sequence[int]) -> None:
    """Gives products the places of this order; only rows that move are written."""
    await session.execute(PLACE, {"ids": list(ordered)})


PLACE = text(
    """
    UPDATE products p SET position = o.place
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS o (id, place)
    WHERE p.id = o.id AND p.position <> o.place
    """
)
