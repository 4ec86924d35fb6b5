"""A deployment for tests: real PostgreSQL and Valkey of this test worker, migrated once; stations made on demand.

Every test opens stations of its own, which takes some 30 ms, so tests commit for real and never see each other's rows.
"""

import base64
import itertools
import os
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text

from billing.deposits import service as deposits
from billing.ledger import queries as ledger
from billing.wholesale import service as wholesale
from deploy.embedded import Servers
from deploy.provisioning import provisioner
from deploy.wiring import MODULES
from kameng.cards import service as cards
from kameng.core import ids
from kameng.infra import worker
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from kameng.infra.tenancy import Tenant
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tenants.buyers import service as buyers
from tenants.orders import service as orders
from tenants.orders.service import OrderDraft, Placed
from tenants.registry.service import TenantDraft
from tenants.shop import service as shop
from tenants.shop.service import ProductDraft

_numbers = itertools.count(1)


def settings_for(servers: Servers, **changes: object) -> Settings:
    """Settings of a deployment on these servers, with fresh keys."""
    values: dict[str, object] = {
        "database_url": servers.database_url,
        "admin_url": servers.admin_url,
        "redis_url": servers.redis_url,
        "secret_key": base64.b64encode(os.urandom(32)).decode(),
        "vault_key": base64.b64encode(os.urandom(32)).decode(),
        "allow_private_suppliers": True,
        "allow_private_stations": True,
        "supplier_timeout_s": 1.0,
        "pool_schemas": 0,
        "log_level": "critical",
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]  # names are checked by the struct itself


class Shop(Struct, frozen=True, kw_only=True):
    """A station with one product, and what a test wants to do with it. Amounts in cents."""

    runtime: Runtime
    tenant: Tenant
    good_id: int
    product_id: int

    async def buyer(self, wallet_cents: int = 0) -> UUID:
        """A guest with money in the wallet."""
        async with self.tenant.begin() as session:
            buyer = await buyers.open_guest(session, "13800000000")
            if wallet_cents:
                await session.execute(
                    text("SELECT post_topup(:no, 'test', CAST(:buyer AS text), :cents)"),
                    {"no": ids.code(12), "buyer": buyer.id, "cents": wallet_cents},
                )
        return buyer.id

    async def buy(self, buyer_id: UUID, quantity: int = 1, request_key: str = "") -> Placed:
        """Places an order that is paid from the wallet."""
        draft = OrderDraft(
            product_id=self.product_id,
            quantity=quantity,
            pay_method=orders.WALLET,
            request_key=request_key or ids.code(20),
        )
        vault = await self.runtime.keyring.vault(self.tenant.id)
        async with self.tenant.begin() as session:
            return await orders.place(session, vault, buyer_id, draft)

    async def add_keys(self, keys: Sequence[str]) -> None:
        """Puts cards into the master's stock of the good."""
        sealer = await self.runtime.keyring.master()
        async with self.runtime.database.master_session() as session:
            await cards.add(session, sealer, self.good_id, keys, cost_cents=500)

    async def keys(self, order_id: UUID) -> list[str]:
        sealer = await self.runtime.keyring.tenant(self.tenant.id)
        async with self.tenant.begin() as session:
            return cards.reveal(sealer, await cards.issued(session, order_id))

    async def wallet_cents(self, buyer_id: UUID) -> int:
        async with self.tenant.begin() as session:
            return await ledger.balance_cents(session, "wallet", str(buyer_id))

    async def deposit_cents(self) -> int:
        async with self.tenant.begin() as session:
            return await ledger.balance_cents(session, "deposit")

    async def state(self, no: str) -> str:
        async with self.tenant.begin() as session:
            row = await session.execute(text("SELECT state FROM orders WHERE no = :no"), {"no": no})
            return str(row.scalar_one())


async def open_station(runtime: Runtime, *, tier_id: int, slug: str = "", name: str = "测试小店") -> Tenant:
    """A station of its own for one test."""
    slug = slug or f"s{next(_numbers)}-{ids.code(6).lower()}"
    settings = runtime.settings
    draft = TenantDraft(slug=slug, name=name, tier_id=tier_id, hosts=[f"{slug}.localhost"])
    await provisioner(settings).open(draft)
    tenant = await runtime.directory.at_host(f"{slug}.localhost")
    assert tenant is not None
    return tenant


async def open_shop(
    runtime: Runtime,
    *,
    keys: Sequence[str] = (),
    price: str = "10.00",
    wholesale_price: str = "8.00",
    deposit_cents: int = 1_000_000,
    supplier_url: str = "",
    supplier_sku: str = "",
    supplier_secret: str = "",
    supplier_account: str = "demo",
    supplier_cost: str = "6.00",
    max_quantity: int = 10,
) -> Shop:
    """A station that sells one good: from the master's stock with these keys, or from a supplier, or both."""
    mark = f"{next(_numbers)}-{ids.code(6)}"
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {mark}")
        good = await goods.add(session, f"good {mark}", usage_note="在官网兑换")
        await wholesale.set_price(session, tier.id, good.id, Decimal(wholesale_price))
        if keys:
            own = await suppliers.add_stock(session, sealer, f"stock {mark}")
            await offers.add(session, good.id, own.id, Decimal("5.00"), priority=0)
            await cards.add(session, sealer, good.id, keys, cost_cents=500)
        if supplier_url:
            upstream = await suppliers.add(
                session, sealer, f"sandbox {mark}", "sandbox", supplier_url, supplier_account, supplier_secret
            )
            await offers.add(
                session, good.id, upstream.id, Decimal(supplier_cost), sku=supplier_sku, stock=None, priority=1
            )
    tenant = await open_station(runtime, tier_id=tier.id)
    async with runtime.database.master_session() as session:
        await deposits.pay_in(session, tenant.id, deposit_cents, f"open {mark}")
    async with tenant.begin() as session:
        product = await shop.list_product(
            session,
            ProductDraft(
                good_id=good.id, name=f"月卡 {mark}", price=Decimal(price), usage_note="在官网兑换",
                max_quantity=max_quantity,
            ),
        )  # fmt: skip
    return Shop(runtime=runtime, tenant=tenant, good_id=good.id, product_id=product.id)


async def ledger_is_balanced(runtime: Runtime) -> bool:
    """Whether all entries sum to zero, and those of each transfer."""
    async with runtime.database.master_session() as session:
        return await ledger.total_cents(session) == 0 and await ledger.unbalanced(session) == 0


async def work_off(runtime: Runtime) -> int:
    """Does what a worker would do now with every outbox row, in this process. Returns how many rows there were."""
    async with runtime.database.master_session() as session:
        rows = (
            await session.execute(text("SELECT id, follower FROM outbox WHERE due_at < now() + interval '7 seconds'"))
        ).all()
    for row in rows:
        await worker.run_follower(runtime, row.id, row.follower)
    return len(rows)


FOLLOWING = tuple(module.__name__ for module in MODULES)  # imported, so that every event finds its followers
