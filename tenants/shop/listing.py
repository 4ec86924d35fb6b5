"""Listing many goods of the master at once, at prices by a template. Tenant session."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries as wholesale
from tenants.plans import service as plans
from tenants.settings import service as rooms
from tenants.settings.service import Room
from tenants.shop import categories, markup, service
from tenants.shop.errors import NothingChosen, TemplateGone, TooManyTemplates
from tenants.shop.markup import Terms

MOST = 500  # goods at once
MOST_TEMPLATES = 30

# For `kameng.web.paging.of_sql`: what the master offers, and whether the station lists it.
OFFERED = """
    SELECT g.id, g.name, g.category, g.kind, p.products
    FROM own_goods() o JOIN goods g ON g.id = o.good_id
    CROSS JOIN LATERAL (SELECT count(*)::int AS products FROM products p
                        WHERE p.good_id = g.id AND p.archived_at IS NULL) p
    WHERE (:words = '' OR g.name ILIKE :pattern)
        AND (:category = '' OR g.category = :category OR starts_with(g.category, :category || '/'))
        AND (:listed = 'all' OR (:listed = 'yes') = (p.products > 0))
    ORDER BY g.name, g.id
"""
MASTER_CATEGORIES = text(
    "SELECT DISTINCT g.category FROM own_goods() o JOIN goods g ON g.id = o.good_id WHERE g.category <> ''"
    " ORDER BY g.category LIMIT 500"
)
CHOSEN = text(
    """
    SELECT g.id, g.name, g.description, g.usage_note, g.kind, g.labels, g.fields,
           EXISTS (SELECT 1 FROM products p WHERE p.good_id = g.id AND p.archived_at IS NULL) AS is_listed
    FROM goods g WHERE g.id = ANY(:goods) AND g.state = 'active' ORDER BY g.name, g.id
    """
)
LIST = text(
    """
    INSERT INTO products (good_id, name, description, usage_note, kind, labels, fields, price, margin, category_id,
                          state, position)
    SELECT g.id, left(g.name, 80), left(g.description, 4000), left(g.usage_note, 1000), g.kind, g.labels, g.fields,
           l.price, round((l.price - l.cost) / l.price, 6), CAST(:category AS bigint), :state, :behind + l.place - 1
    FROM unnest(CAST(:goods AS bigint[]), CAST(:prices AS numeric[]), CAST(:costs AS numeric[]))
        WITH ORDINALITY AS l (good_id, price, cost, place)
    JOIN goods g ON g.id = l.good_id
    WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.good_id = g.id AND p.archived_at IS NULL)
    RETURNING id
    """
)
# Two listings at once would both find a good unlisted.
IN_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('listing', current_tenant()))")


class Template(Struct, frozen=True):
    """Terms that are kept under a name."""

    id: int
    name: str
    terms: Terms


class Proposal(Struct, frozen=True):
    """A good as it would be listed. `floor` is the master's minimum; `raised`: the price was lifted to it."""

    good_id: int
    name: str
    cost: Decimal
    floor: Decimal | None
    price: Decimal
    available: int
    is_listed: bool

    @property
    def kept(self) -> Decimal:
        return self.price - self.cost

    @property
    def margin(self) -> Decimal:
        return self.kept / self.price

    @property
    def raised(self) -> bool:
        return self.floor is not None and self.price == self.floor


async def master_categories(session: AsyncSession) -> Sequence[str]:
    """Those of the goods that the station may list."""
    return (await session.scalars(MASTER_CATEGORIES)).all()


async def propose(session: AsyncSession, goods: Sequence[int], terms: Terms) -> list[Proposal]:
    """What these goods would be sold for; goods that the station cannot have are left out. Raises `Invalid`,
    `NothingChosen`."""
    markup.check(terms)
    wanted = list(dict.fromkeys(goods))[:MOST]
    if not wanted:
        raise NothingChosen("Choose a good first.")
    quotes = await wholesale.quotes(session, wanted)
    return [
        Proposal(
            row.id,
            row.name,
            quote.wholesale_price,
            quote.min_resale,
            markup.price(terms, quote.wholesale_price, quote.min_resale),
            quote.available,
            row.is_listed,
        )
        for row in await session.execute(CHOSEN, {"goods": wanted})
        if (quote := quotes.get(row.id)) is not None
    ]


async def list_all(
    session: AsyncSession, goods: Sequence[int], terms: Terms, *, category_id: int | None = None, on_sale: bool = True
) -> list[int]:
    """Lists these goods at the prices of `terms`; what is listed already stays as it is. Returns the new products.

    Raises `Invalid`, `NothingChosen`, `CategoryGone`, `TooManyProducts`.
    """
    await session.execute(IN_TURN)
    if category_id is not None:
        (await categories.tree(session)).node(category_id)
    fresh = [one for one in await propose(session, goods, terms) if not one.is_listed]
    if on_sale:
        await plans.check_products(session, len(fresh))
    values: dict[str, Any] = {
        "goods": [one.good_id for one in fresh],
        "prices": [one.price for one in fresh],
        "costs": [one.cost for one in fresh],
        "category": category_id,
        "state": "on_sale" if on_sale else "hidden",
        "behind": await service.next_position(session),
    }
    return [row.id for row in await session.execute(LIST, values)]


async def templates(session: AsyncSession, *, lock: bool = False) -> Sequence[Template]:
    """By name. With `lock` nobody else keeps or drops one until the transaction ends."""
    kept = await rooms.read(session, Room.LISTING, lock=lock)
    found = msgspec.convert(kept.notes.get("templates", []), list[Template], strict=False)
    return sorted(found, key=lambda one: one.name)


async def template(session: AsyncSession, template_id: int) -> Template:
    """Raises `TemplateGone`."""
    found = next((one for one in await templates(session) if one.id == template_id), None)
    if found is None:
        raise TemplateGone
    return found


async def keep(session: AsyncSession, name: str, terms: Terms) -> int:
    """Under a name; what had it is replaced. Raises `Invalid`, `TooManyTemplates`."""
    markup.check(terms)
    there = {one.name: one for one in await templates(session, lock=True)}
    if len(there) >= MOST_TEMPLATES and name not in there:
        raise TooManyTemplates(field="template_name", most=MOST_TEMPLATES)
    number = there[name].id if name in there else max((one.id for one in there.values()), default=0) + 1
    there[name] = Template(number, name, terms)
    await rooms.note(session, Room.LISTING, templates=list(there.values()))
    return number


async def drop(session: AsyncSession, template_id: int) -> str:
    """Deletes it; its name. Raises `TemplateGone`."""
    there = await templates(session, lock=True)
    gone = next((one for one in there if one.id == template_id), None)
    if gone is None:
        raise TemplateGone
    await rooms.note(session, Room.LISTING, templates=[one for one in there if one is not gone])
    return gone.name
