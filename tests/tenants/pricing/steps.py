"""What tests of repricing do: rules, competitors, runs, in a time of their own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from msgspec import structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.pricing import capture, feed_queries, feeds, queries, rule_book, runs, settings
from tenants.pricing.feeds import FeedDraft
from tenants.pricing.readers import Article
from tenants.pricing.rule_book import RuleDraft
from tenants.pricing.rules import Kind, Terms
from tenants.pricing.runs import Ran
from tenants.shop import service as shop_service
from tenants.shop.service import ProductDraft
from tests.support.house import Shop


async def rule(
    shop: Shop,
    kind: Kind,
    *,
    product_id: int | None = None,
    category_id: int | None = None,
    is_automatic: bool = True,
    **terms: object,
) -> int:
    """A new rule; of the whole shop where nothing is named."""
    draft = RuleDraft(
        product_id=product_id,
        category_id=category_id,
        kind=kind,
        terms=Terms(**terms),  # type: ignore[arg-type]  # names are checked by the struct itself
        is_automatic=is_automatic,
    )
    async with shop.tenant.begin() as session:
        return (await rule_book.add(session, draft)).id


async def set_to(shop: Shop, **changes: object) -> None:
    async with shop.tenant.begin() as session:
        kept = structs.replace(await settings.read(session), **changes)
        await settings.keep(session, kept)


async def run(shop: Shop, now: datetime, *, by: str = "boss") -> Ran:
    """A run over everything."""
    async with shop.tenant.begin() as session:
        return await runs.run(session, now, "hand", by=by, everything=True)


async def price(shop: Shop, product_id: int | None = None) -> Decimal:
    return (await column(shop, "price", product_id)) or Decimal(0)


async def column(shop: Shop, name: str, product_id: int | None = None) -> Decimal | None:
    async with shop.tenant.begin() as session:
        found = await session.execute(
            text(f"SELECT {name} FROM products WHERE id = :id"),  # noqa: S608 - a name of this file's callers
            {"id": product_id or shop.product_id},
        )
        value: Decimal | None = found.scalar_one()
    return value


async def set_price(shop: Shop, value: str, product_id: int | None = None) -> None:
    """As its owner does it in the form of a product."""
    number = product_id or shop.product_id
    async with shop.tenant.begin() as session:
        draft = ProductDraft(good_id=shop.good_id, name=f"by hand {number}", price=Decimal(value))
        await shop_service.change_product(session, number, draft)


async def more_products(shop: Shop, count: int, value: str = "10.00") -> list[int]:
    """More products of the same good."""
    made = []
    async with shop.tenant.begin() as session:
        for number in range(count):
            draft = ProductDraft(good_id=shop.good_id, name=f"Pass {number}", price=Decimal(value))
            made.append((await shop_service.list_product(session, draft)).id)
    return made


async def feed(shop: Shop, name: str = "Rival", every_minutes: int = 60) -> int:
    async with shop.tenant.begin() as session:
        draft = FeedDraft(name=name, kind="csv", url="http://rival.test/list.csv", every_minutes=every_minutes)
        return await feeds.add(session, draft)


async def captured(shop: Shop, feed_id: int, prices: Mapping[str, str], now: datetime) -> list[int]:
    """What the feed lists at that moment, by article; the products that are matched with it."""
    answer = {key: Article(key, f"article {key}", Decimal(value)) for key, value in prices.items()}
    async with shop.tenant.begin() as session:
        return await capture.keep(session, await feed_queries.feed(session, feed_id), answer, now)


async def matched(shop: Shop, feed_id: int, article: str, product_id: int | None = None) -> int:
    """Says that the article is this product."""
    async with shop.tenant.begin() as session:
        found = (await feed_queries.listed(session, feed_id))[article]
        await feeds.match(session, found.id, product_id or shop.product_id)
    return found.id


async def verdict(shop: Shop, feed_id: int, article: str) -> str:
    async with shop.tenant.begin() as session:
        return (await feed_queries.listed(session, feed_id))[article].verdict


async def sources(shop: Shop, since: datetime, product_id: int | None = None) -> list[tuple[str, Decimal]]:
    """Where each price of the product came from, and what it was, oldest first."""
    async with shop.tenant.begin() as session:
        entries = await queries.history(session, product_id or shop.product_id, since)
    return [(entry.source, entry.new_price) for entry in reversed(entries)]


async def category(session: AsyncSession, name: str, parent_id: int | None = None) -> int:
    made = await session.execute(
        text("INSERT INTO categories (name, parent_id) VALUES (:name, :parent) RETURNING id"),
        {"name": name, "parent": parent_id},
    )
    return int(made.scalar_one())


async def put_into(session: AsyncSession, product_id: int, category_id: int) -> None:
    await session.execute(
        text("UPDATE products SET category_id = :category WHERE id = :id"),
        {"category": category_id, "id": product_id},
    )


def turns(prices: Sequence[Decimal]) -> int:
    """How often a row of prices changes its direction."""
    ways = [after > before for before, after in pairwise(prices) if after != before]
    return sum(one != other for one, other in pairwise(ways))


async def history(session: AsyncSession, product_id: int, since: datetime) -> Sequence[queries.Entry]:
    return await queries.history(session, product_id, since)
