"""What the tests of orders do to a shop again and again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from kameng.cards import service as cards
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.orders import queries, service
from tenants.orders.service import WALLET, Discount, Item, OrderDraft, Placed
from tenants.toggles.flags import DEFAULTS
from tenants.toggles.reading import Reading
from tests.support.house import Shop, open_shop

NO_LIMIT = Reading({**DEFAULTS, "shop.unpaid_orders": 10**6})
ADD_CHANNEL = text(
    "INSERT INTO payment_channels"
    " (provider, name, base_url, merchant_id, secret, settlement, master_channel_id, fee_rate)"
    " VALUES ('epay', 'gateway', 'http://127.0.0.1:9', 'm', 'x', :settlement,"
    " CASE WHEN :settlement = 'master' THEN 1 END, :fee_rate) RETURNING id"
)
ADD_PRODUCT = text(
    "INSERT INTO products (good_id, name, price, max_quantity) VALUES (:good_id, :name, :price, 100) RETURNING id"
)
TOPUP = text("SELECT post_topup(:no, 'test', CAST(:buyer AS text), :cents)")


async def channel(shop: Shop, *, settlement: str = "own", fee_rate: str = "0") -> str:
    """A way to pay that leads nowhere; its number."""
    async with shop.tenant.begin() as session:
        values = {"settlement": settlement, "fee_rate": fee_rate}
        return str((await session.execute(ADD_CHANNEL, values)).scalar_one())


async def change(shop: Shop, product_id: int | None = None, **values: Any) -> None:
    """Sets columns of a product."""
    sets = ", ".join(f"{name} = :{name}" for name in values)
    encoded = {
        name: msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value
        for name, value in values.items()
    }
    async with shop.tenant.begin() as session:
        statement = text(f"UPDATE products SET {sets} WHERE id = :id")  # noqa: S608 - names of columns, written in tests
        await session.execute(statement, encoded | {"id": product_id or shop.product_id})


async def add_product(shop: Shop, *, name: str = "自营", price: str = "10", good_id: int | None = None) -> int:
    """One more product; without a good the station's own."""
    async with shop.tenant.begin() as session:
        values = {"good_id": good_id, "name": f"{name} {ids.code(6)}", "price": price}
        return int((await session.execute(ADD_PRODUCT, values)).scalar_one())


async def add_own(shop: Shop, product_id: int, keys: Sequence[str], cost_cents: int = 300) -> None:
    """Puts cards into the station's own pool."""
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await cards.add(session, sealer, product_id, keys, cost_cents)


async def own_shop(runtime: Runtime, keys: Sequence[str] = (), *, price: str = "10.00", cost_cents: int = 300) -> Shop:
    """A station that sells a product of its own, from its own cards."""
    shop = await open_shop(runtime, deposit_cents=1)
    product_id = await add_product(shop, price=price)
    await add_own(shop, product_id, keys, cost_cents)
    return msgspec.structs.replace(shop, product_id=product_id)


def draft(shop: Shop, product_id: int | None = None, quantity: int = 1, pay: str = WALLET, **more: Any) -> OrderDraft:
    return OrderDraft(
        product_id=product_id or shop.product_id,
        quantity=quantity,
        pay_method=pay,
        request_key=more.pop("request_key", None) or ids.code(20),
        **more,
    )


async def buy(
    shop: Shop,
    buyer: UUID,
    quantity: int = 1,
    *,
    product_id: int | None = None,
    pay: str = WALLET,
    inputs: dict[str, str] | None = None,
    discount: Discount | None = None,
    reading: Reading | None = None,
    **more: Any,
) -> Placed:
    """Places one order."""
    item = Item(draft=draft(shop, product_id, quantity, pay, **more), inputs=inputs or {}, discount=discount)
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return await service.place(session, vault, buyer, item, reading)


async def pay(shop: Shop, buyer: UUID, no: str, cents: int = 0) -> Placed:
    """The money of an unpaid order arrives, and it is charged."""
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        if cents:
            await session.execute(TOPUP, {"no": ids.code(12), "buyer": buyer, "cents": cents})
    async with shop.tenant.begin() as session:
        return await service.charge(session, vault, no)


async def order(shop: Shop, no: str) -> Any:
    async with shop.tenant.begin() as session:
        return await queries.order_by_no(session, no)


async def count(shop: Shop, statement: str) -> int:
    """One number of the station's tables."""
    async with shop.tenant.begin() as session:
        return int((await session.execute(text(statement))).scalar_one())


async def master_count(shop: Shop, table: str) -> int:
    """How many cards of the shop's good stand in a table of the master."""
    async with shop.runtime.database.master_session() as session:
        statement = text(f"SELECT count(*) FROM {table} WHERE item_id = :good")  # noqa: S608 - a name of ours
        return int((await session.execute(statement, {"good": shop.good_id})).scalar_one())
