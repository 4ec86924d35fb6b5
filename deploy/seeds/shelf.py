"""What a demo shop has of its own beside the master's goods: categories, a product in variants with cards in the shop's
own pool, a quantity ladder, and a top-up that asks for a phone number. Adds only what is missing."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards import service as cards
from kameng.core import ids
from kameng.infra.crypto import Sealer
from tenants.shop import categories
from tenants.shop import service as shop
from tenants.shop.categories import CategoryDraft
from tenants.shop.drafts import Spec, Step, VariantDraft
from tenants.shop.fields import InputField
from tenants.shop.service import ProductDraft

# (name, above it, icon)
CATEGORIES = (
    ("游戏", "", "device-desktop"),
    ("点卡", "游戏", ""),
    ("会员", "", "ticket"),
    ("话费", "", "device-mobile"),
)
OWN = "网易云音乐黑胶会员"
OWN_VARIANTS = (("月卡", "14.50", "11.80"), ("季卡", "41.00", "34.00"))  # value, price and cost of a card
OWN_CARDS = 60
TOPUP = "手机话费直充 50 元"
BY_HAND = "游戏代练（人工）"


async def of_categories(session: AsyncSession) -> dict[str, int]:
    """The categories by name."""
    known = {node.name: node.id for node in (await categories.tree(session)).nodes}
    for name, above, icon in CATEGORIES:
        if name not in known:
            draft = CategoryDraft(name=name, parent_id=known.get(above), icon=icon)
            known[name] = (await categories.add(session, draft)).id
    return known


def ladder(price: Decimal) -> list[Step]:
    """A little less for ten and for fifty."""
    fen = Decimal("0.01")
    return [
        Step(10, (price * Decimal("0.99")).quantize(fen)),
        Step(50, (price * Decimal("0.985")).quantize(fen)),
    ]


async def own_products(session: AsyncSession, sealer: Sealer, places: Mapping[str, int], position: int) -> None:
    """Products of the shop's own, behind the others."""
    listed = {row.name for row in await session.execute(text("SELECT name FROM products"))}
    if OWN not in listed:
        draft = ProductDraft(
            name=OWN,
            summary="本店自营，两种时长",
            description="本店自有卡密，付款后自动发货。",
            usage_note="网易云音乐 → 我的 → 会员中心 → 兑换码",
            category_id=places["会员"],
            labels=["会员/音乐"],
            position=position,
            warn_at=10,
            specs=[Spec("时长", [value for value, _, _ in OWN_VARIANTS])],
            variants=[
                VariantDraft(values={"时长": value}, price=Decimal(price), ladder=ladder(Decimal(price)))
                for value, price, _ in OWN_VARIANTS
            ],
        )
        head = await shop.list_product(session, draft)
        await _fill(session, sealer, head.id)
    if BY_HAND not in listed:
        draft = ProductDraft(
            name=BY_HAND,
            summary="填写账号与区服，客服接单后开始",
            description="人工服务，进度显示在订单页。",
            price=Decimal("30.00"),
            category_id=places["游戏"],
            kind="topup",
            fulfilment="by_hand",
            position=position + 1,
            fields=[
                InputField(label="游戏账号", kind="account", hint="登录用的账号"),
                InputField(label="区服", kind="choice", choices=["官服", "渠道服"]),
            ],
        )
        await shop.list_product(session, draft)


async def _fill(session: AsyncSession, sealer: Sealer, head_id: int) -> None:
    found = await session.execute(
        text("SELECT id, spec_values->>'时长' AS value FROM products WHERE variant_of = :head"), {"head": head_id}
    )
    variants = {row.value: row.id for row in found}
    for value, _, cost in OWN_VARIANTS:
        lines = [f"VIP-{ids.code(4)}-{ids.code(4)}-{ids.code(4)}" for _ in range(OWN_CARDS)]
        await cards.add(session, sealer, variants[value], lines, int(Decimal(cost) * 100))


def topup(good_id: int, places: Mapping[str, int], price: Decimal, position: int) -> ProductDraft:
    """The good of the second supplier, which tops a phone up."""
    return ProductDraft(
        good_id=good_id,
        name=TOPUP,
        summary="填写手机号，直接到账",
        description="三网通用，付款后提交给供应商，通常几秒内到账。",
        price=price,
        category_id=places["话费"],
        kind="topup",
        position=position,
        max_quantity=1,
        fields=[InputField(label="手机号", kind="phone", hint="要充值的 11 位手机号")],
    )
