"""The stock room of a station, with its owner at it."""

from typing import Any

import httpx
import pytest
from msgspec import Struct
from sqlalchemy import text

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn
from tests.kameng.cards.conftest import Stock, open_stock
from tests.support.house import work_off
from tests.support.staff_client import StaffClient


class Room(Struct, frozen=True, kw_only=True):
    """An own product, and somebody at the console."""

    stock: Stock
    client: StaffClient

    @property
    def path(self) -> str:
        return f"/console/stock/{self.stock.product_id}"

    async def paste(self, *lines: str, **fields: str) -> httpx.Response:
        """Pastes cards, has them imported, and shows what became of them."""
        await self.client.get(f"{self.path}/imports/new?how=paste")
        sent = await self.client.post(f"{self.path}/imports/paste", keys="\r\n".join(lines), **fields)
        assert sent.status_code == 303, sent.text
        await work_off(self.stock.shop.runtime)
        return await self.client.follow(sent)

    async def upload(self, name: str, body: bytes, **fields: str) -> httpx.Response:
        """Sends a file; the answer is not followed."""
        await self.client.get(f"{self.path}/imports/new")
        return await self.client.http.post(
            f"{self.path}/imports",
            data={"csrf_token": self.client.token, **fields},
            files={"file": (name, body, "application/octet-stream")},
            headers={"Origin": self.client.origin},
        )

    async def ids(self, table: str = "card_pool", **values: Any) -> list[str]:
        where = " AND ".join(["item_id = :item", *(f"{name} = :{name}" for name in values)])
        rows = await self.stock.rows(f"SELECT id FROM {table} WHERE {where} ORDER BY id", **values)  # noqa: S608
        return [str(row.id) for row in rows]

    async def act(self, act: str, **fields: Any) -> httpx.Response:
        """Sends a form of the list and shows the page that comes."""
        await self.client.get(self.path)
        return await self.client.follow(await self.client.post(f"{self.path}/{act}", **fields))

    async def other_product(self) -> int:
        """Another product of its own."""
        rows = await self.stock.rows("INSERT INTO products (name, price) VALUES ('另一个', 10) RETURNING id")
        return int(rows[0].id)


@pytest.fixture
async def room(runtime: Runtime, sign_in: SignIn) -> Room:
    stock = await open_stock(runtime)
    return Room(stock=stock, client=await sign_in(stock.shop.tenant, Role.OWNER))


async def sell(room: Room, card_id: str) -> None:
    """As a sale does it: the card leaves the pool and is issued."""
    async with room.stock.place.begin() as session:
        await session.execute(
            text(
                "WITH c AS (DELETE FROM card_pool WHERE id = :id RETURNING *)"
                " INSERT INTO card_issued (id, item_id, secret, fingerprint, cost_cents, batch_id, label, order_ref)"
                " SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label, gen_random_uuid() FROM c"
            ),
            {"id": card_id},
        )
