"""Card stock for tests: an own product of a station, and its cards."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from msgspec import Struct
from sqlalchemy import text

from kameng.cards import import_queries, imports
from kameng.cards.batches import BatchDraft
from kameng.cards.formats import Rule
from kameng.cards.import_queries import Import
from kameng.cards.imports import By, Place
from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import Shop, open_shop, work_off

OWN = text("INSERT INTO products (name, price, warn_at) VALUES (:name, 10, :warn_at) RETURNING id")


class Stock(Struct, frozen=True, kw_only=True):
    """A station with a product of its own."""

    shop: Shop
    place: Place
    product_id: int

    async def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        async with self.place.begin() as session:
            return (await session.execute(text(sql), {"item": self.product_id, **values})).all()

    async def send(self, lines: Sequence[str], rule: Rule | None = None, cost_cents: int = 0) -> int:
        """Sends an import, and does not work at it yet."""
        draft = BatchDraft(item_id=self.product_id, cost_cents=cost_cents, supplier="上家", made_by="老王")
        numbered = list(enumerate(lines, start=1))
        async with self.place.begin() as session:
            return await imports.send(session, self.place.sealer, draft, rule or Rule(), numbered, By("老王", "::1"))

    async def add(self, lines: Sequence[str], rule: Rule | None = None, cost_cents: int = 0) -> Import:
        """Sends an import and works it off."""
        import_id = await self.send(lines, rule, cost_cents)
        await work_off(self.shop.runtime)
        return await self.found(import_id)

    async def found(self, import_id: int) -> Import:
        async with self.place.begin() as session:
            return await import_queries.find(session, self.product_id, import_id)

    async def secrets(self) -> list[str]:
        """What is in the pool, in the order in which it is sold."""
        rows = await self.rows("SELECT id, secret FROM card_pool WHERE item_id = :item ORDER BY id")
        return [self.place.sealer.open("cards.secret", row.id, bytes(row.secret)) for row in rows]


async def open_stock(runtime: Runtime, warn_at: int | None = None) -> Stock:
    shop = await open_shop(runtime)
    async with shop.tenant.begin() as session:
        made = await session.execute(OWN, {"name": f"自营 {ids.code(6)}", "warn_at": warn_at})
        product_id = made.scalar_one()
    place = Place(partial(Tenant.begin, shop.tenant), await runtime.keyring.tenant(shop.tenant.id))
    return Stock(shop=shop, place=place, product_id=product_id)


@pytest.fixture
async def stock(runtime: Runtime) -> Stock:
    return await open_stock(runtime)
