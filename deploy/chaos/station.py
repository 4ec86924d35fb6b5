"""A small fresh station for one history: a product for each way that goods come, and four buyers with money."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.deposits import service as deposits
from billing.payments import service as payments
from billing.payments.service import ChannelDraft
from billing.wholesale import service as wholesale
from deploy.chaos.outside import ACG, COLLECTING, MERCHANT, SANDBOX, Outside, Supplier
from deploy.provisioning import provisioner
from kameng.cards import service as cards
from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from supplier_gateway.routing import service as routing
from supplier_gateway.suppliers import service as suppliers
from tenants.buyers import service as buyers
from tenants.marketing.coupons import service as coupons
from tenants.marketing.coupons.service import CouponDraft, Limits
from tenants.registry.service import TenantDraft
from tenants.shop import service as shop
from tenants.shop.service import ProductDraft

WHOLESALE, COST, COST_CENTS = Decimal("8.00"), Decimal("6.00"), 600
DEPOSIT_CENTS, WALLET_CENTS, BUYERS = 10_000_000, 50_000, 4
PLENTY = 10**6
COUPON = "CHAOS"
OFF = CouponDraft(kind="fixed", amount_cents=100, limits=Limits(most=5, most_per_buyer=2))
STOCK = "stock"
OFFERS = text("SELECT DISTINCT id FROM offers WHERE good_id = ANY(:goods)")


class Line(Struct, frozen=True, kw_only=True):
    """A product: how many keys its stock has at first, and who else delivers it. Prices that do not divide evenly show
    whether parts are rounded once. `left` is what its suppliers have of it."""

    name: str
    price: str
    keys: int = 0
    sources: tuple[str, ...] = ()
    kind: str = "cards"
    is_own: bool = False
    left: int = PLENTY


LINES = (
    Line(name="stock", price="10.00", keys=10),
    Line(name="mixed", price="9.99", keys=3, sources=(SANDBOX,)),
    Line(name="either", price="10.01", sources=(SANDBOX, ACG)),
    Line(name="shop", price="11.37", sources=(ACG,)),
    Line(name="topup", price="10.00", sources=(SANDBOX,), kind="topup"),
    Line(name="scarce", price="9.97", sources=(SANDBOX,), left=4),
    Line(name="own", price="5.01", keys=6, is_own=True),
)


class Common(Struct, frozen=True):
    """What all stations share: a wholesale tier, the master's own stock, and the channel by which he collects."""

    tier_id: int
    stock_id: int
    lent_id: int


class Station(Struct, frozen=True, kw_only=True):
    """The station of one history. `products` and `goods` by the name of their line; `keys` are those in its stocks.
    `accounts` are the master's suppliers by protocol: its own, so that its breakers know nothing of other histories. Of
    its `channels` the first is its own; by the second the master collects."""

    seed: int
    tenant: Tenant
    products: dict[str, int]
    goods: dict[str, int]
    accounts: dict[str, int]
    skus: frozenset[str]
    buyers: tuple[UUID, ...]
    channels: tuple[int, ...]
    keys: tuple[str, ...]


async def common(runtime: Runtime, outside: Outside) -> Common:
    """Sets the master up, once."""
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, "chaos")
        stock = await suppliers.add_stock(session, sealer, STOCK)
        channel = await payments.add_channel(session, sealer, _channel(outside, COLLECTING))
        await payments.lend_channel(session, channel.id, lent=True)
    for one in outside.suppliers:
        await outside.fill(one)
    return Common(tier.id, stock.id, channel.id)


def _channel(outside: Outside, merchant: str) -> ChannelDraft:
    gateway = outside.gateway
    return ChannelDraft(provider="epay", name="chaos", base_url=gateway.url, merchant_id=merchant, secret=gateway.key)


async def opened(runtime: Runtime, outside: Outside, shared: Common, seed: int) -> Station:
    """Opens the station of one history."""
    mark = f"h{seed}-{ids.code(6).lower()}"
    keys = {line.name: [f"KEY-{mark}-{line.name}-{ids.code(8)}" for _ in range(line.keys)] for line in LINES}
    for supplier in outside.suppliers:
        await outside.stock(supplier, [_on_shelf(supplier, line, mark) for line in LINES if _sold(supplier, line)])
    tenant = await _tenant(runtime, shared, mark)
    accounts = await _accounts(runtime, outside, mark)
    made = await _goods(runtime, shared, accounts, mark, keys)
    vault = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        own = await payments.add_channel(session, vault, _channel(outside, MERCHANT))
        lent = await payments.offer_lent(session, shared.lent_id)
        await coupons.add(session, COUPON, OFF, "chaos")
        products = {line.name: await _product(session, line, made.get(line.name)) for line in LINES}
        for line in LINES:
            if line.is_own:
                await cards.add(session, vault, products[line.name], keys[line.name], COST_CENTS // 2)
        people = tuple([await _buyer(session) for _ in range(BUYERS)])
    return Station(
        seed=seed,
        tenant=tenant,
        products=products,
        goods=made,
        accounts=accounts,
        skus=frozenset(_sku(mark, line) for line in LINES),
        buyers=people,
        channels=(own.id, lent.id),
        keys=tuple(key for several in keys.values() for key in several),
    )


def _sold(supplier: Supplier, line: Line) -> bool:
    return supplier.protocol in line.sources


def _sku(mark: str, line: Line) -> str:
    return f"{mark}-{line.name}"


def _on_shelf(supplier: Supplier, line: Line, mark: str) -> dict[str, object]:
    sku = _sku(mark, line)
    if supplier.protocol == ACG:
        return {"code": sku, "name": sku, "category": "chaos", "user_price": str(COST), "stock": line.left}
    return {"sku": sku, "name": sku, "cost": str(COST), "stock": line.left, "kind": line.kind}


async def _tenant(runtime: Runtime, shared: Common, mark: str) -> Tenant:
    host = f"{mark}.{runtime.settings.station_domain}"
    await provisioner(runtime.settings).open(TenantDraft(slug=mark, name=mark, tier_id=shared.tier_id, hosts=[host]))
    tenant = await runtime.directory.at_host(host)
    if tenant is None:
        raise KamengError(f"{host} was opened and cannot be found")
    async with runtime.database.master_session() as session:
        await deposits.pay_in(session, tenant.id, DEPOSIT_CENTS, mark)
    return tenant


async def _accounts(runtime: Runtime, outside: Outside, mark: str) -> dict[str, int]:
    sealer = await runtime.keyring.master()
    made = {}
    async with runtime.database.master_session() as session:
        for one in outside.suppliers:
            name = f"{one.protocol} {mark}"
            added = await suppliers.add(session, sealer, name, one.protocol, one.url, one.account, one.secret)
            made[one.protocol] = added.id
    return made


async def _goods(
    runtime: Runtime, shared: Common, accounts: dict[str, int], mark: str, keys: dict[str, list[str]]
) -> dict[str, int]:
    sealer = await runtime.keyring.master()
    made = {}
    async with runtime.database.master_session() as session:
        for line in LINES:
            if line.is_own:
                continue
            good = await goods.add(session, _sku(mark, line))
            await wholesale.set_price(session, shared.tier_id, good.id, WHOLESALE)
            for supplier_id in [shared.stock_id] * bool(line.keys) + [accounts[source] for source in line.sources]:
                await offers.add(session, good.id, supplier_id, COST, sku=_sku(mark, line))
            await cards.add(session, sealer, good.id, keys[line.name], COST_CENTS)
            made[line.name] = good.id
    return made


async def _product(session: AsyncSession, line: Line, good_id: int | None) -> int:
    draft = ProductDraft(
        good_id=good_id, name=line.name, price=Decimal(line.price), kind="topup" if line.kind == "topup" else "cards"
    )
    return (await shop.list_product(session, draft)).id


async def _buyer(session: AsyncSession) -> UUID:
    buyer = await buyers.open_guest(session, "13800000000")
    await session.execute(
        text("SELECT post_topup(:no, 'chaos', CAST(:buyer AS text), :cents)"),
        {"no": ids.code(12), "buyer": buyer.id, "cents": WALLET_CENTS},
    )
    return buyer.id


async def close_breakers(runtime: Runtime, stations: Sequence[Station]) -> None:
    """An operator has heard that the suppliers are well again, or thinks so."""
    async with runtime.database.master_session() as session:
        for supplier_id in [one for station in stations for one in station.accounts.values()]:
            await routing.reset(session, "supplier", supplier_id)
        goods = [good_id for station in stations for good_id in station.goods.values()]
        for row in (await session.execute(OFFERS, {"goods": goods})).all():
            await routing.reset(session, "offer", row.id)


async def close(runtime: Runtime, stations: Sequence[Station]) -> None:
    """Nobody asks the suppliers of a history that is over."""
    async with runtime.database.master_session() as session:
        for station in stations:
            for supplier_id in station.accounts.values():
                await suppliers.pause(session, supplier_id, paused=True)
