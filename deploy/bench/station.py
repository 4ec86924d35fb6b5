"""A deployment for a measurement: durable embedded servers in a folder of its own, one station, goods in stock."""

import base64
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text

from billing.deposits import service as deposits
from billing.wholesale import service as wholesale
from deploy import surroundings
from deploy.embedded import embedded_servers
from deploy.migrations.runner import migrate
from deploy.provisioning import provisioner
from kameng.cards import service as cards
from kameng.core import ids
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.infra.tenancy import Tenant
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tenants.buyers import service as buyers
from tenants.registry.service import TenantDraft
from tenants.shop import service as shop
from tenants.shop.service import ProductDraft

RETAIL, WHOLESALE, COST_CENTS = Decimal("10.00"), Decimal("8.00"), 500
WALLET_CENTS = 10**11
BATCH = 5_000


class Station(Struct, frozen=True, kw_only=True):
    """What a load needs to know of the station it buys in."""

    tenant: Tenant
    product_id: int
    good_id: int
    buyers: tuple[UUID, ...]


@contextmanager
def servers_of_its_own() -> Iterator[Settings]:
    """Settings over fresh, durable servers; everything is gone afterwards."""
    folder = surroundings.CHECKOUT / ".kameng" / "bench" / str(os.getpid())
    port = surroundings.free_port(18_000)
    try:
        with embedded_servers(folder, durable=True, fresh=True) as servers:
            yield Settings(
                database_url=servers.database_url,
                admin_url=servers.admin_url,
                redis_url=servers.redis_url,
                secret_key=fresh_key(),
                vault_key=fresh_key(),
                port=port,
                public_port=port,
                log_format="json",
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fresh_key() -> str:
    """What `KAMENG_SECRET_KEY` and `KAMENG_VAULT_KEY` hold."""
    return base64.b64encode(os.urandom(32)).decode()


def folder_of(settings: Settings) -> Path:
    """Where this measurement may write: logs and state of its processes."""
    return surroundings.CHECKOUT / ".kameng" / "bench" / f"{os.getpid()}-{settings.port}"


@asynccontextmanager
async def opened(settings: Settings, *, buyers_wanted: int, keys: int) -> AsyncIterator[tuple[Runtime, Station]]:
    """Migrates, opens one station with `keys` cards in the master's stock, and buyers with money."""
    await migrate(settings)
    async with running(settings) as runtime:
        yield runtime, await _station(runtime, buyers_wanted, keys)


async def _station(runtime: Runtime, buyers_wanted: int, keys: int) -> Station:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, "bench")
        good = await goods.add(session, "bench")
        await wholesale.set_price(session, tier.id, good.id, WHOLESALE)
        stock = await suppliers.add_stock(session, sealer, "stock")
        await offers.add(session, good.id, stock.id, Decimal("5.00"))
    await add_keys(runtime, good.id, keys)
    tenant = await _open(runtime, tier.id)
    async with runtime.database.master_session() as session:
        await deposits.pay_in(session, tenant.id, WALLET_CENTS, "bench")
    async with tenant.begin() as session:
        draft = ProductDraft(good_id=good.id, name="bench", price=RETAIL)
        product = await shop.list_product(session, draft)
    found = tuple([await _buyer(tenant) for _ in range(buyers_wanted)])
    return Station(tenant=tenant, product_id=product.id, good_id=good.id, buyers=found)


async def add_keys(runtime: Runtime, good_id: int, keys: int) -> None:
    """Puts so many fresh cards of the good into the master's stock."""
    sealer = await runtime.keyring.master()
    for start in range(0, keys, BATCH):
        lines = [f"BENCH-{ids.code(16)}" for _ in range(min(BATCH, keys - start))]
        async with runtime.database.master_session() as session:
            await cards.add(session, sealer, good_id, lines, COST_CENTS)


async def _open(runtime: Runtime, tier_id: int) -> Tenant:
    settings = runtime.settings
    draft = TenantDraft(slug="bench", name="bench", tier_id=tier_id, hosts=["bench.localhost"])
    await provisioner(settings).open(draft)
    tenant = await runtime.directory.at_host("bench.localhost")
    if tenant is None:
        raise LookupError("the station that was just opened is not there")
    return tenant


async def _buyer(tenant: Tenant) -> UUID:
    async with tenant.begin() as session:
        buyer = await buyers.open_guest(session)
        await session.execute(
            text("SELECT post_topup(:no, 'bench', CAST(:buyer AS text), :cents)"),
            {"no": ids.code(12), "buyer": buyer.id, "cents": WALLET_CENTS},
        )
    return buyer.id
