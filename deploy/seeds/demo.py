"""Two shops that sell, a master that supplies them, and everybody's logins. Run again, it only adds what is missing and
renews the sandboxes' addresses."""

import secrets
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.deposits import service as deposits
from billing.payments import service as payments
from billing.wholesale import service as wholesale
from deploy.provisioning import provisioner
from deploy.seeds import shelf
from kameng.cards import service as cards
from kameng.core import ids
from kameng.identity import staff
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tenants.registry.service import TenantDraft
from tenants.shop import service as shop
from tenants.shop.service import ProductDraft

STOCK_KEYS = 200
DEPOSIT_CENTS = 5_000_000
ACG, PHONE = "演示货源站（acg-faka）", "PHONE50"  # the second supplier, and its article that tops a phone up


class Sandboxes(Struct, frozen=True):
    """Where the sandbox suppliers and gateway listen, and what they know us by. Without `acg_url` there is no second
    supplier."""

    supplier_url: str
    supplier_account: str
    supplier_secret: str
    gateway_url: str
    merchant_id: str
    merchant_key: str
    acg_url: str = ""
    acg_account: str = ""
    acg_key: str = ""


class Login(Struct, frozen=True):
    """Who can sign in where."""

    where: str
    login: str
    password: str


class DemoGood(Struct, frozen=True):
    """A good with its supplier's sku. Prices in yuan; `retail` is the first shop's price."""

    sku: str
    name: str
    summary: str
    note: str
    cost: str
    gold: str
    silver: str
    retail: str
    in_stock: bool
    place: str
    acg_sku: str = ""
    has_ladder: bool = False


GOODS = (
    DemoGood("steam-50", "Steam 充值卡 50 元", "国区点卡，自动发货", "Steam 客户端 → 账户明细 → 兑换充值码",
             "47.20", "48.00", "48.60", "49.80", in_stock=True, place="点卡"),
    DemoGood("steam-100", "Steam 充值卡 100 元", "国区点卡，自动发货", "Steam 客户端 → 账户明细 → 兑换充值码",
             "93.80", "95.20", "96.40", "98.80", in_stock=False, place="点卡", acg_sku="STEAM100"),
    DemoGood("genshin-monthly", "原神 空月祝福 月卡", "官方直兑，全服通用", "游戏内 派蒙菜单 → 设置 → 账户 → 兑换码",
             "27.50", "28.20", "28.60", "29.90", in_stock=False, place="游戏"),
    DemoGood("honor-60", "王者荣耀 60 点券", "安卓、苹果通用", "王者荣耀 → 商城 → 兑换",
             "5.64", "5.75", "5.80", "5.98", in_stock=True, place="点卡", has_ladder=True),
    DemoGood("qq-vip-month", "QQ 会员 1 个月", "自助激活，不绑定账号", "登录 QQ 会员官网 → 激活卡密",
             "8.60", "8.90", "9.10", "9.90", in_stock=True, place="会员"),
    DemoGood("mobile-30", "手机话费 30 元", "三网通用充值卡", "拨打充值卡背面的号码，按提示输入卡密",
             "29.30", "29.45", "29.55", "29.90", in_stock=False, place="话费"),
)  # fmt: skip


class DemoShop(Struct, frozen=True):
    slug: str
    name: str
    accent: str
    tier: str
    notice: str
    contact: str
    markup: Decimal


SHOPS = (
    DemoShop(
        "xingchen", "星辰点卡", "#2457d6", "金牌",
        "全场自动发货，付款后 3 秒内到账。", "QQ 客服 800-1001", Decimal("1.00"),
    ),
    DemoShop(
        "lvzhou", "绿洲数卡", "#0f7a5a", "银牌",
        "晚 8 点至 10 点为高峰，客服回复稍慢，发货不受影响。", "微信 lvzhou-card", Decimal("1.02"),
    ),
)  # fmt: skip


async def seed(runtime: Runtime, sandboxes: Sandboxes, keep: Path) -> Sequence[Login]:
    """Makes what is missing. Logins are kept in `keep` (mode 0600), since passwords are random and stored hashed."""
    logins = _kept(keep)
    tiers = await _tiers(runtime)
    goods_by_sku = await _goods(runtime, sandboxes, tiers)
    if sandboxes.acg_url:
        goods_by_sku[PHONE] = await _second_supplier(runtime, sandboxes, tiers, goods_by_sku)
    await _operator(runtime, logins)
    for demo in SHOPS:
        await _shop(runtime, demo, tiers[demo.tier], goods_by_sku, sandboxes, logins)
    _keep(keep, logins)
    return list(logins.values())


def _kept(keep: Path) -> dict[str, Login]:
    return msgspec.json.decode(keep.read_bytes(), type=dict[str, Login]) if keep.exists() else {}


def _keep(keep: Path, logins: dict[str, Login]) -> None:
    keep.touch(mode=0o600)
    keep.write_bytes(msgspec.json.encode(logins))


async def _tiers(runtime: Runtime) -> dict[str, int]:
    async with runtime.database.master_session() as session:
        known = {row.name: row.id for row in await session.execute(text("SELECT id, name FROM tiers"))}
        for rank, name in enumerate(("金牌", "银牌")):
            if name not in known:
                known[name] = (await wholesale.add_tier(session, name, rank)).id
    return known


async def _goods(runtime: Runtime, sandboxes: Sandboxes, tiers: dict[str, int]) -> dict[str, int]:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        known = {row.name: row.id for row in await session.execute(text("SELECT id, name FROM suppliers"))}
        stock = known.get("主站卡库") or (await suppliers.add_stock(session, sealer, "主站卡库")).id
        sandbox = known.get("沙盒供应商")
        if sandbox is None:
            made = await suppliers.add(
                session, sealer, "沙盒供应商", "sandbox", sandboxes.supplier_url, sandboxes.supplier_account,
                sandboxes.supplier_secret,
            )  # fmt: skip
            sandbox = made.id
        await session.execute(
            text("UPDATE suppliers SET base_url = :url WHERE id = :id"), {"url": sandboxes.supplier_url, "id": sandbox}
        )
        by_name = {row.name: row.id for row in await session.execute(text("SELECT id, name FROM goods"))}
        return {
            demo.sku: by_name.get(demo.name) or await _good(runtime, session, demo, stock, sandbox, tiers)
            for demo in GOODS
        }


async def _second_supplier(
    runtime: Runtime, sandboxes: Sandboxes, tiers: dict[str, int], goods_by_sku: dict[str, int]
) -> int:
    """A shop that runs acg-faka, for one good beside the sandbox and alone for the top-up, whose number is returned."""
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        known = {row.name: row.id for row in await session.execute(text("SELECT id, name FROM suppliers"))}
        if ACG not in known:
            made = await suppliers.add(
                session, sealer, ACG, "acg", sandboxes.acg_url, sandboxes.acg_account, sandboxes.acg_key
            )
            known[ACG] = made.id
            for demo in GOODS:
                if demo.acg_sku:
                    cost = Decimal("92.50")
                    await offers.add(
                        session, goods_by_sku[demo.sku], made.id, cost, sku=demo.acg_sku, stock=1000, priority=20
                    )
        await session.execute(
            text("UPDATE suppliers SET base_url = :url WHERE id = :id"), {"url": sandboxes.acg_url, "id": known[ACG]}
        )
        by_name = {row.name: row.id for row in await session.execute(text("SELECT id, name FROM goods"))}
        if shelf.TOPUP in by_name:
            return int(by_name[shelf.TOPUP])
        good = await goods.add(session, shelf.TOPUP, "填写手机号，直接到账", "几秒内到账，以运营商短信为准")
        await wholesale.set_price(session, tiers["金牌"], good.id, Decimal("49.20"))
        await wholesale.set_price(session, tiers["银牌"], good.id, Decimal("49.30"))
        await offers.add(session, good.id, known[ACG], Decimal("48.90"), sku=PHONE, stock=1000)
        return good.id


async def _good(
    runtime: Runtime, session: AsyncSession, demo: DemoGood, stock: int, sandbox: int, tiers: dict[str, int]
) -> int:
    good = await goods.add(session, demo.name, demo.summary, demo.note)
    await wholesale.set_price(session, tiers["金牌"], good.id, Decimal(demo.gold))
    await wholesale.set_price(session, tiers["银牌"], good.id, Decimal(demo.silver))
    await offers.add(session, good.id, sandbox, Decimal(demo.cost), sku=demo.sku, stock=500, priority=10)
    if demo.in_stock:
        await offers.add(session, good.id, stock, Decimal(demo.cost), priority=0)
        cost_cents = int(Decimal(demo.cost) * 100)
        lines = [f"KM-{ids.code(4)}-{ids.code(4)}-{ids.code(4)}" for _ in range(STOCK_KEYS)]
        await cards.add(session, await runtime.keyring.master(), good.id, lines, cost_cents)
    return good.id


async def _operator(runtime: Runtime, logins: dict[str, Login]) -> None:
    if "master" in logins:
        return
    settings = runtime.settings
    login = Login(settings.base_url(settings.master_host) + "/", "operator", secrets.token_urlsafe(9))
    async with runtime.database.master_session() as session:
        await staff.create_staff(session, login.login, "主站运营", login.password, None, Role.OPERATOR)
    logins["master"] = login


async def _shop(
    runtime: Runtime,
    demo: DemoShop,
    tier_id: int,
    goods_by_sku: dict[str, int],
    sandboxes: Sandboxes,
    logins: dict[str, Login],
) -> None:
    settings, host = runtime.settings, f"{demo.slug}.{runtime.settings.station_domain}"
    tenant = await runtime.directory.at_host(host)
    if tenant is None:
        draft = TenantDraft(
            slug=demo.slug, name=demo.name, tier_id=tier_id, hosts=[host], accent=demo.accent, notice=demo.notice,
            contact=demo.contact,
        )  # fmt: skip
        await provisioner(settings).open(draft)
        runtime.directory.forget()
        tenant = await runtime.directory.at_host(host)
        if tenant is None:
            raise LookupError(f"{host} was opened and cannot be found")
        async with runtime.database.master_session() as session:
            await deposits.pay_in(session, tenant.id, DEPOSIT_CENTS, "demo")
    if demo.slug not in logins:
        login = Login(settings.base_url(host) + "/console", f"{demo.slug}-owner", secrets.token_urlsafe(9))
        async with runtime.database.master_session() as session:
            await staff.create_staff(session, login.login, f"{demo.name}站长", login.password, tenant.id, Role.OWNER)
        logins[demo.slug] = login
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        channels = (await session.execute(text("SELECT count(*) FROM payment_channels"))).scalar_one()
        if not channels:
            draft_channel = payments.ChannelDraft(
                provider="epay", name="支付宝（沙盒）", base_url=sandboxes.gateway_url,
                merchant_id=sandboxes.merchant_id, secret=sandboxes.merchant_key,
            )  # fmt: skip
            await payments.add_channel(session, sealer, draft_channel)
        await session.execute(text("UPDATE payment_channels SET base_url = :url"), {"url": sandboxes.gateway_url})
        listed = {row.name for row in await session.execute(text("SELECT name FROM products"))}
        places = await shelf.of_categories(session)
        for position, good in enumerate(GOODS):
            if good.name not in listed:
                await shop.list_product(session, _product(good, demo, goods_by_sku[good.sku], position, places))
        await shelf.own_products(session, sealer, places, len(GOODS))
        if PHONE in goods_by_sku and shelf.TOPUP not in listed:
            price = (Decimal("49.80") * demo.markup).quantize(Decimal("0.01"))
            await shop.list_product(session, shelf.topup(goods_by_sku[PHONE], places, price, len(GOODS) + 2))


def _product(good: DemoGood, demo: DemoShop, good_id: int, position: int, places: dict[str, int]) -> ProductDraft:
    price = (Decimal(good.retail) * demo.markup).quantize(Decimal("0.01"))
    return ProductDraft(
        good_id=good_id,
        name=good.name,
        summary=good.summary,
        description=f"{good.name}。付款后自动发货，订单页直接显示卡密；如遇无货会自动补货，未发货可全额退款。",
        usage_note=good.note,
        price=price,
        category_id=places[good.place],
        ladder=shelf.ladder(price) if good.has_ladder else [],
        position=position,
    )
